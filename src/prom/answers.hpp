#pragma once

/// Prometheus' JSON answers (HTTP API, "Format overview") as values. Each function takes a whole body.
///
/// `warnings`, where there is one, receives what the server wants to be known of a good answer.
/// Errors: BadAnswer.

#include <map>
#include <string>
#include <vector>

#include "kexp/prom/client.hpp"

#include "bad_answer.hpp"

namespace kexp::prom {

using Warnings = std::vector<std::string>;

/// What an error's body says: `errorType` and `error`, or the start of a text that is no JSON of this API.
struct Problem {
  std::string type;
  std::string text;
};
[[nodiscard]] Problem parse_problem(const std::string& body);

[[nodiscard]] std::vector<std::string> parse_strings(std::string body, Warnings& warnings);
[[nodiscard]] std::vector<Labels> parse_series(std::string body, Warnings& warnings);
[[nodiscard]] std::map<std::string, MetricMetadata> parse_metadata(std::string body, Warnings& warnings);
[[nodiscard]] std::vector<Target> parse_targets(std::string body, Warnings& warnings);
/// The string members of `data`: buildinfo, runtimeinfo.
[[nodiscard]] std::map<std::string, std::string> parse_info(std::string body, Warnings& warnings);
/// `global.external_labels` of the configuration that status/config holds.
[[nodiscard]] Labels parse_external_labels(std::string body, Warnings& warnings);
/// A result of type scalar.
[[nodiscard]] double parse_scalar(std::string body, Warnings& warnings);
/// A result of type vector: the sum of its values, which is one, or none where there is nothing.
[[nodiscard]] double parse_sum(std::string body, Warnings& warnings);
/// A result of type matrix: of query_range, or of a range selector.
[[nodiscard]] std::vector<SeriesSamples> parse_matrix(std::string body, Warnings& warnings);

}  // namespace kexp::prom

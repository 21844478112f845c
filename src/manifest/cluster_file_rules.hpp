#pragma once

/// What the texts of a cluster file may be: each rule as words, as a pattern for JSON Schema, and as a
/// function.

#include <string>

namespace kexp::manifest {

struct TextRule {
  std::string noun;      ///< Of the page's table.
  std::string expected;  ///< Ends "… is not ".
  std::string pattern;
  bool (*matches)(const std::string&);
};

namespace rules {

[[nodiscard]] TextRule any_text();
[[nodiscard]] TextRule dns_label();  ///< RFC 1123, at most 63 characters.
[[nodiscard]] TextRule dns_name();   ///< RFC 1123 labels with dots between them.
[[nodiscard]] TextRule ipv4();
[[nodiscard]] TextRule network();         ///< CIDR.
[[nodiscard]] TextRule full_version();    ///< 1.36.4
[[nodiscard]] TextRule series_version();  ///< 2.3 or 2.3.1
[[nodiscard]] TextRule user();
[[nodiscard]] TextRule folder();  ///< Absolute.
[[nodiscard]] TextRule web_address();
[[nodiscard]] TextRule servers();     ///< host:port,host:port
[[nodiscard]] TextRule kafka_name();  ///< Topic or group.
[[nodiscard]] TextRule image();
[[nodiscard]] TextRule retention();  ///< Prometheus': 30d, 1w12h.
[[nodiscard]] TextRule resolution();
[[nodiscard]] TextRule label_key();
[[nodiscard]] TextRule label_value();

}  // namespace rules

/// What an image's name says besides the repository; empty where it does not.
struct ImageVersion {
  std::string tag;
  std::string digest;
};
[[nodiscard]] ImageVersion image_version(const std::string& image);

}  // namespace kexp::manifest

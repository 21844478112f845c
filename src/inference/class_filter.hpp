#pragma once

#include <string>
#include <vector>

#include "kexp/inference/decode.hpp"

namespace kexp::inference {

/// The classes that a user wants to see.
class ClassFilter {
 public:
  /// `wanted`: ids or labels; none: all. `labels` of `model`, by id; where it has none every id is one.
  /// Errors: UsageError naming --classes, the model and what it has.
  ClassFilter(const std::vector<std::string>& wanted, const std::vector<std::string>& labels,
              const std::string& model);

  /// Leaves out the others.
  void apply(std::vector<Candidate>& candidates) const;

 private:
  std::vector<int> ids_;  ///< Ascending; empty: all.
};

}  // namespace kexp::inference

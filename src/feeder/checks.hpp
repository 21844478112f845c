#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/feeder/verify.hpp"

namespace kexp::feeder {

/// What a verification found, kind by kind.
class Checks {
 public:
  /// From now on figures are of this kind: "seconds.csv is what sends.csv adds up to". A kind of which no
  /// figure was compared does not appear.
  void begin(std::string kind);
  /// A figure of this kind that was found to hold.
  void held() { ++compared_; }
  /// Something of this kind that is wrong as a whole.
  void fail(const std::string& what);
  /// Holds two figures, or texts, against each other.
  void compare(const std::string& what, const std::string& recorded, const std::string& recomputed);
  void compare(const std::string& what, std::int64_t recorded, std::int64_t recomputed);
  /// Every value of `recomputed`, by its path; what only `recorded` has is ignored, or wrong.
  enum class Extra { ignored, wrong };
  void compare_json(const std::string& what, const Json& recorded, const Json& recomputed, Extra extra);
  /// Every cell of two tables, each with a header, but those of columns whose name begins with `left_out`
  /// (none when that is empty); a row is named by the first cell of its header and its own.
  void compare_tables(const std::string& what, const std::string& recorded, const std::string& recomputed,
                      std::string_view left_out = {});
  /// The figures of this kind were not all compared: it is not said to hold.
  void give_up();
  /// Something that was not checked, and why.
  void skip(const std::string& text);
  /// Something that is neither right nor wrong, but is to be told.
  void tell(const std::string& text);

  /// All of them. Ends this object's use.
  [[nodiscard]] std::vector<Check> take();

 private:
  void end_kind();
  void add_wrong(Check check);

  std::vector<Check> checks_;
  std::string kind_;
  std::int64_t compared_ = 0;
  std::int64_t wrong_ = 0;
};

}  // namespace kexp::feeder

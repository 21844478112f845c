#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kexp::record {

/// A byte of flags for every id ever asked for: one byte for the numbers of our own runs, a map entry for
/// the ids of other producers.
///
/// Threads: one at a time.
class IdTable {
 public:
  /// The flags of `id`, 0 at first. The reference lives until the next call.
  [[nodiscard]] std::uint8_t& operator[](std::string_view id);
  /// The flags of `id` without making an entry.
  [[nodiscard]] std::uint8_t flags(std::string_view id) const;
  /// Of the id that is the decimal text of `number`.
  [[nodiscard]] std::uint8_t flags(std::uint64_t number) const;
  /// Every id with flags: the numbers in their order, then the others in the order of their text.
  void for_each(const std::function<void(const std::string& id, std::uint8_t flags)>& visit) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::vector<std::uint8_t> numbers_;
  std::unordered_map<std::string, std::uint8_t, Hash, std::equal_to<>> others_;
};

}  // namespace kexp::record

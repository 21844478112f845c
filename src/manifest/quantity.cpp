#include "kexp/manifest/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace kexp::manifest {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

/// Digits alone: no sign, no blanks.
std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  return digits && error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> times(std::int64_t value, std::int64_t factor) {
  return value > kMost / factor ? std::nullopt : std::optional(value * factor);
}

/// The digits behind a decimal point times `factor`, where that is whole.
std::optional<std::int64_t> parse_fraction(std::string_view digits, std::int64_t factor) {
  constexpr std::size_t kMostDigits = 18;  // 10^18 is the largest power of ten that fits
  const std::string_view significant = digits.substr(0, digits.find_last_not_of('0') + 1);
  if (!parse_digits(digits.substr(0, kMostDigits)) || significant.size() > kMostDigits) {
    return std::nullopt;
  }
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
  for (const char digit : significant) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    numerator = numerator * 10 + (digit - '0');
    denominator *= 10;
  }
  const std::int64_t shared = std::gcd(factor, denominator);
  if (numerator % (denominator / shared) != 0) {
    return std::nullopt;
  }
  return numerator / (denominator / shared) * (factor / shared);  // less than `factor`
}

/// A decimal number times `factor`, where that is whole: ("1.5", 1000) is 1500, ("1.0005", 1000) is nothing.
std::optional<std::int64_t> parse_scaled(std::string_view text, std::int64_t factor) {
  const std::size_t point = text.find('.');
  const auto number = parse_digits(text.substr(0, point));
  const auto whole = number ? times(*number, factor) : std::nullopt;
  const auto fraction = point == std::string_view::npos ? std::optional<std::int64_t>(0)
                                                        : parse_fraction(text.substr(point + 1), factor);
  if (!whole || !fraction || *whole > kMost - *fraction) {
    return std::nullopt;
  }
  return *whole + *fraction;
}

struct Unit {
  std::string_view suffix;
  std::int64_t bytes;
};

constexpr std::array<Unit, 13> kUnits = {{{"Ki", std::int64_t{1} << 10},
                                          {"Mi", std::int64_t{1} << 20},
                                          {"Gi", std::int64_t{1} << 30},
                                          {"Ti", std::int64_t{1} << 40},
                                          {"Pi", std::int64_t{1} << 50},
                                          {"Ei", std::int64_t{1} << 60},
                                          {"k", 1'000},
                                          {"M", 1'000'000},
                                          {"G", 1'000'000'000},
                                          {"T", 1'000'000'000'000},
                                          {"P", 1'000'000'000'000'000},
                                          {"E", 1'000'000'000'000'000'000},
                                          {"", 1}}};

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0U : ~std::uint32_t{0} << (32U - static_cast<unsigned>(prefix));
}

}  // namespace

std::optional<CpuQuantity> parse_cpu(std::string_view text) {
  const bool thousandths = text.ends_with('m');
  text.remove_suffix(thousandths ? 1 : 0);
  const auto milli = parse_scaled(text, thousandths ? 1 : 1000);
  return milli ? std::optional(CpuQuantity{*milli}) : std::nullopt;
}

std::optional<MemoryQuantity> parse_memory(std::string_view text) {
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& candidate) { return text.ends_with(candidate.suffix); });
  text.remove_suffix(unit->suffix.size());  // the last unit fits every text
  const auto bytes = parse_scaled(text, unit->bytes);
  return bytes ? std::optional(MemoryQuantity{*bytes}) : std::nullopt;
}

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const char unit = text.back();
  const std::int64_t factor = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
  const auto number = parse_digits(text.substr(0, text.size() - 1));
  const auto seconds = number && factor > 0 ? times(*number, factor) : std::nullopt;
  return seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
}

std::string to_text(CpuQuantity quantity) {
  return quantity.milli % 1000 == 0 ? fmt::to_string(quantity.milli / 1000)
                                    : fmt::format("{}m", quantity.milli);
}

std::string to_text(MemoryQuantity quantity) {
  std::string shortest = fmt::to_string(quantity.bytes);
  for (const Unit& unit : kUnits) {
    if (quantity.bytes % unit.bytes == 0) {
      std::string text = fmt::format("{}{}", quantity.bytes / unit.bytes, unit.suffix);
      shortest = text.size() < shortest.size() ? std::move(text) : shortest;
    }
  }
  return shortest;
}

std::string to_text(std::chrono::seconds seconds) { return fmt::format("{}s", seconds.count()); }

bool Cidr::contains(std::uint32_t other) const {
  return (other & mask_of(prefix)) == (address & mask_of(prefix));
}

bool Cidr::overlaps(const Cidr& other) const {
  return prefix <= other.prefix ? contains(other.address) : other.contains(address);
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view octet = text.substr(0, end);
    const auto value = parse_digits(octet);
    // A leading zero means octal to some programs.
    if (!value || *value > 255 || (octet.size() > 1 && octet.front() == '0')) {
      return std::nullopt;
    }
    address = address << 8U | static_cast<std::uint32_t>(*value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return address;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto address = parse_ipv4(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  const auto prefix = parse_digits(length);
  const bool padded = length.size() > 1 && length.front() == '0';
  if (!address || !prefix || *prefix > 32 || padded) {
    return std::nullopt;
  }
  const Cidr network{*address, static_cast<int>(*prefix)};
  return (network.address & ~mask_of(network.prefix)) == 0 ? std::optional(network) : std::nullopt;
}

}  // namespace kexp::manifest

#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kexp::manifest {

/// Kubernetes' CPU quantity, in thousandths of a CPU: "500m", "2", "1.5".
struct CpuQuantity {
  std::int64_t milli = 0;
  auto operator<=>(const CpuQuantity&) const = default;
};

/// Kubernetes' quantity of bytes: "512Mi", "1Gi", "1000000", "1M".
struct MemoryQuantity {
  std::int64_t bytes = 0;
  auto operator<=>(const MemoryQuantity&) const = default;
};

/// nullopt for what is no such quantity, is signed, has an exponent, or is no whole number of thousandths or
/// bytes.
[[nodiscard]] std::optional<CpuQuantity> parse_cpu(std::string_view text);
[[nodiscard]] std::optional<MemoryQuantity> parse_memory(std::string_view text);
/// Whole seconds written as "15s", "5m", "2h". nullopt for anything else.
[[nodiscard]] std::optional<std::chrono::seconds> parse_seconds(std::string_view text);

/// As Kubernetes prints it, "2", "1500m"; the shortest exact form, "1Gi", "1500Mi", "1000001".
[[nodiscard]] std::string to_text(CpuQuantity quantity);
[[nodiscard]] std::string to_text(MemoryQuantity quantity);
/// "15s"; "90s".
[[nodiscard]] std::string to_text(std::chrono::seconds seconds);

/// An IPv4 network, "10.244.0.0/16".
struct Cidr {
  std::uint32_t address = 0;
  int prefix = 0;
  [[nodiscard]] bool contains(std::uint32_t other) const;
  [[nodiscard]] bool overlaps(const Cidr& other) const;
};

/// nullopt for what is no IPv4 address.
[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text);
/// nullopt for what is no network, or has bits set behind its prefix.
[[nodiscard]] std::optional<Cidr> parse_cidr(std::string_view text);

}  // namespace kexp::manifest

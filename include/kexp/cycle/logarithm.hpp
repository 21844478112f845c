#pragma once

namespace kexp::cycle {

/// The natural logarithm of a normal x > 0, made of + − × ÷ alone: equal on every machine, which std::log is
/// not. Within 1e-15 of the exact value, relatively.
///
/// x = 2^e m with m in (√½, √2]; with s = (m − 1) / (m + 1): ln m = 2 (s + s³/3 + s⁵/5 + …), |s| < 0.172.
[[nodiscard]] double natural_logarithm(double x);

}  // namespace kexp::cycle

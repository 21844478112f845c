#pragma once

/// The load of a run as a function of time. Pure arithmetic of + − × ÷ on doubles, so every machine gets the
/// same numbers.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/cycle/names.hpp"

namespace kexp::cycle {

/// A stretch of constant load.
struct Segment {
  double start_s = 0;  ///< After t0.
  double duration_s = 0;
  double fraction = 0;  ///< Of the peak; at least 0.
};

/// The 24 hour marks of the day profile, hour 0 to 23, as fractions of the peak.
[[nodiscard]] const std::vector<double>& day_profile();

/// `values` interpolated linearly at `count` evenly spaced points from its first to its last.
///
/// With x_k = k (n−1)/(count−1), i = floor(x_k):  v_i + (x_k − i)(v_{i+1} − v_i).
/// Requires: values not empty, count >= 1 (a count of 1 gives the first value).
[[nodiscard]] std::vector<double> stretch(const std::vector<double>& values, int count);

enum class Curve {
  stretched,  ///< One day stretched to B points, then repeated N times.
  legacy      ///< The table repeated N times, then stretched to B points over the whole run.
};
inline constexpr Names<Curve, 2> kCurveNames{{{"stretched", Curve::stretched}, {"legacy", Curve::legacy}}};

struct CurveOptions {
  /// daynight, linear, constant, burst, steps:FILE (`duration_s,fraction`) or csv:FILE (`t_s,fraction`).
  std::string profile = "daynight";
  Curve curve = Curve::stretched;
  double duration_s = 7200;
  int breakpoints = 200;
  int n_cycles = 5;
  /// What the file of a steps or csv profile says, when it was read already: a stored plan needs no file.
  std::vector<Segment> read_segments;
};

/// Errors: UsageError naming the flag or `file:line`.
void validate(const CurveOptions& options);

/// Reads the file of a steps or csv profile into `read_segments`, after which nobody reads it again: it may
/// be a pipe. Nothing happens for other profiles. Errors: UsageError naming the flag or `file:line`.
void read_profile(CurveOptions& options);

/// The segments of a run in order, each starting where the one before ends. `burst` has none.
/// Errors: UsageError naming the flag or `file:line`.
[[nodiscard]] std::vector<Segment> make_segments(const CurveOptions& options);

/// Cumulative load of the segments. One unit of load is a byte, or an image with --max-ips.
class CumulativeLoad {
 public:
  class Cursor;

  /// `peak`: units per second at fraction 1.
  CumulativeLoad(const std::vector<Segment>& segments, double peak);

  /// Units due in the whole run.
  [[nodiscard]] double total() const { return total_; }

 private:
  struct Piece {
    double start_s, duration_s, rate, before;
    [[nodiscard]] double inverse(double amount) const;
  };
  std::vector<Piece> pieces_;
  double total_ = 0;
};

/// The inverse of a load, which outlives it, for amounts that never fall.
class CumulativeLoad::Cursor {
 public:
  explicit Cursor(const CumulativeLoad& load) : pieces_(load.pieces_) {}
  /// When unit `amount` is due, in seconds after t0: the latest t until which so many are due, so what is due
  /// inside a stretch of rate zero is due at its end. Requires: 0 <= amount <= total().
  [[nodiscard]] double inverse(double amount);

 private:
  const std::vector<Piece>& pieces_;
  std::size_t next_ = 0;  // The first piece that starts above the last amount.
};

}  // namespace kexp::cycle

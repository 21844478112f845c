#pragma once

#include <chrono>
#include <string>

#include "kexp/net/http_client.hpp"

namespace kexp::prom {

constexpr int kAttempts = 6;
constexpr std::chrono::milliseconds kQueryTimeout{150'000};  // Prometheus itself gives up after 2 minutes.
constexpr int kTimeoutsPerQuery = 3;  // A server that hangs is not asked for ever smaller pieces.

/// What came of one request.
struct Answer {
  enum class Kind { good, too_much, timed_out, refused, failed, unreachable };
  Kind kind = Kind::good;
  long status = 0;
  std::string text;  ///< The body of a good one, else why it is none.
  std::chrono::milliseconds retry_after{};
};

[[nodiscard]] Answer answer_of(net::HttpResponse response);
[[nodiscard]] Answer answer_of(const net::HttpError& error);

}  // namespace kexp::prom

#pragma once

/// HTTP as a client: one request, one answer, everything in memory. Real: libcurl; tests: CannedHttp or a
/// server on the loopback interface.

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/core/error.hpp"

namespace kexp::net {

/// No answer, or one that says no. `status` is 0 without an answer.
class HttpError : public Error {
 public:
  enum class Cause { timeout, other };
  HttpError(ExitCode code, long status, const std::string& message, Cause cause = Cause::other)
      : Error(code, message), status_(status), cause_(cause) {}
  [[nodiscard]] long status() const noexcept { return status_; }
  /// True when the answer was not there, or not whole, in the time that the request gave it.
  [[nodiscard]] bool timed_out() const noexcept { return cause_ == Cause::timeout; }
  /// True for timeouts, refused connections, 429 and 5xx.
  [[nodiscard]] bool retriable() const noexcept { return status_ == 0 || status_ == 429 || status_ >= 500; }

 private:
  long status_;
  Cause cause_;
};

struct HttpRequest {
  std::string url;
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Sent as the body (POST).
  std::string body;
  std::chrono::milliseconds timeout{30'000};
};

struct HttpResponse {
  long status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::string body;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Any status is an answer. Errors: HttpError with status 0 (exit code unavailable) when none came;
  /// InterruptedError within 1 s of a stop. Threads: any.
  [[nodiscard]] virtual HttpResponse request(const HttpRequest& request, std::stop_token stop) = 0;
};

/// The real one; certificates and proxies as the system has them (never a proxy to the loopback interface),
/// redirects followed, connections kept open, nothing compressed.
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client();

/// "a=1&b=x%20y" for a query or a form.
[[nodiscard]] std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters);

/// `url` with user and password masked, for messages.
[[nodiscard]] std::string printable_url(std::string_view url);

}  // namespace kexp::net

#pragma once

/// HTTP as a client: one request, one answer, in memory or as a stream. Real: libcurl; tests: CannedHttp or a
/// server on the loopback interface.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
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
  /// `identity`: one side did not accept who the other is (TLS).
  enum class Cause { timeout, identity, other };
  HttpError(ExitCode code, long status, const std::string& message, Cause cause = Cause::other)
      : Error(code, message), status_(status), cause_(cause) {}
  [[nodiscard]] long status() const noexcept { return status_; }
  /// True when the answer was not there, or not whole, in the time that the request gave it.
  [[nodiscard]] bool timed_out() const noexcept { return cause_ == Cause::timeout; }
  /// True for timeouts, refused connections, 429 and 5xx.
  [[nodiscard]] bool retriable() const noexcept {
    return (status_ == 0 && cause_ != Cause::identity) || status_ == 429 || status_ >= 500;
  }

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
  /// For the whole answer; of a stream, for each of its parts.
  std::chrono::milliseconds timeout{30'000};
};

struct HttpResponse {
  long status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::string body;
};

/// Receives the next bytes of a body, valid until it returns; `head` has the answer's status and headers.
using OnBody = std::function<void(const HttpResponse& head, std::span<const std::byte> part)>;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Any status is an answer. Errors: HttpError with status 0 (exit code unavailable) when none came;
  /// InterruptedError within 1 s of a stop. Threads: any.
  [[nodiscard]] virtual HttpResponse request(const HttpRequest& request, std::stop_token stop) = 0;

  /// As `request`, but the body of a good answer (2xx) is handed to `on_body` as it comes and kept nowhere:
  /// the server is read as fast as `on_body` returns. Of another answer the first 64 KiB are in the result.
  ///
  /// Errors: as `request`, HttpError also when the body ends early or pauses for `timeout`; what was handed
  /// over by then is only a part. What `on_body` throws ends the transfer and is thrown on.
  [[nodiscard]] virtual HttpResponse stream(const HttpRequest& request, const OnBody& on_body,
                                            std::stop_token stop) = 0;
};

/// Who we are to a server, and how it shows us who it is. Never part of a message.
struct HttpClientOptions {
  std::string bearer_token;
  std::string user;  ///< Basic authentication, with `password`; instead of a token.
  std::string password;
  /// Sent with every request. They may be secrets, so with any of them no redirect is followed: a 3xx is the
  /// answer.
  std::vector<std::pair<std::string, std::string>> headers;
  std::filesystem::path ca_file;             ///< PEM; empty: the system's authorities.
  std::filesystem::path client_certificate;  ///< PEM, with `client_key`.
  std::filesystem::path client_key;
  enum class VerifyServer { yes, no };
  VerifyServer verify_server = VerifyServer::yes;
};

/// The real one; certificates and proxies as the system has them unless told (never a proxy to the loopback
/// interface), redirects followed, connections kept open, nothing compressed.
///
/// Errors: UsageError for a file that cannot be read, a key without its certificate, a token beside a user,
/// or a header of more than one line; it names the field, never a secret.
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options = {});

/// "a=1&b=x%20y" for a query or a form.
[[nodiscard]] std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters);

/// `url` with user and password masked, for messages.
[[nodiscard]] std::string printable_url(std::string_view url);

}  // namespace kexp::net

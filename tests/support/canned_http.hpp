#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kexp/net/http_client.hpp"

namespace kexp::test {

/// An HTTP server that is a list of rules, and keeps every request. Threads: any.
class CannedHttp final : public net::HttpClient {
 public:
  using Answer = std::function<net::HttpResponse(const net::HttpRequest&)>;

  /// Requests whose URL, or URL and body joined by a space, contain `part` get this answer; of several rules
  /// that fit, the latest is taken. It is called by the thread that asks. A request without a rule fails as
  /// where nobody listens.
  void on(std::string part, Answer answer);
  void on(std::string part, std::string body, long status = 200);

  [[nodiscard]] net::HttpResponse request(const net::HttpRequest& request, std::stop_token stop) override;

  [[nodiscard]] std::vector<net::HttpRequest> requests() const;
  /// How many requests contained `part`.
  [[nodiscard]] std::size_t count(const std::string& part) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::shared_ptr<const Answer>>> rules_;  // Guarded by mutex_.
  std::vector<net::HttpRequest> requests_;                                    // Guarded by mutex_.
};

/// What an unreachable server is to its client.
[[nodiscard]] net::HttpError connection_refused(const std::string& url);

}  // namespace kexp::test

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
  /// A good answer that breaks off after its body.
  void on_cut(std::string part, net::HttpResponse answer);
  /// Streams come in pieces of at most this many bytes, 64 KiB unless told.
  void set_piece_size(std::size_t bytes);

  [[nodiscard]] net::HttpResponse request(const net::HttpRequest& request, std::stop_token stop) override;
  [[nodiscard]] net::HttpResponse stream(const net::HttpRequest& request, const net::OnBody& on_body,
                                         std::stop_token stop) override;

  [[nodiscard]] std::vector<net::HttpRequest> requests() const;
  /// How many requests contained `part`.
  [[nodiscard]] std::size_t count(const std::string& part) const;

 private:
  struct Rule {
    std::string part;
    Answer answer;
    bool cut = false;
  };
  void add(Rule rule);
  /// The rule for a request, which is kept.
  [[nodiscard]] std::shared_ptr<const Rule> rule_for(const net::HttpRequest& request,
                                                     const std::stop_token& stop);
  [[nodiscard]] std::size_t piece_size() const;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Rule>> rules_;  // Guarded by mutex_, as the two below.
  std::vector<net::HttpRequest> requests_;
  std::size_t piece_size_ = 64 * 1024;
};

/// The answers one after another; the last one again and again.
[[nodiscard]] CannedHttp::Answer in_turn(std::vector<net::HttpResponse> answers);

/// What an unreachable server is to its client.
[[nodiscard]] net::HttpError connection_refused(const std::string& url);
/// What a connection that breaks during the answer is to its client.
[[nodiscard]] net::HttpError answer_cut_off(const std::string& url);

}  // namespace kexp::test

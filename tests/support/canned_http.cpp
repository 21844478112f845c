#include "support/canned_http.hpp"

#include <algorithm>

namespace kexp::test {

namespace {

bool contains(const net::HttpRequest& request, const std::string& part) {
  return (request.url + " " + request.body).find(part) != std::string::npos;
}

}  // namespace

net::HttpError connection_refused(const std::string& url) {
  return net::HttpError(ExitCode::unavailable, 0, net::printable_url(url) + ": connection refused");
}

void CannedHttp::on(std::string part, Answer answer) {
  const std::lock_guard lock(mutex_);
  rules_.emplace_back(std::move(part), std::make_shared<const Answer>(std::move(answer)));
}

void CannedHttp::on(std::string part, std::string body, long status) {
  on(std::move(part), [body = std::move(body), status](const net::HttpRequest&) {
    return net::HttpResponse{status, {}, body};
  });
}

net::HttpResponse CannedHttp::request(const net::HttpRequest& request, std::stop_token stop) {
  if (stop.stop_requested()) {
    throw InterruptedError(request.url + ": stopped");
  }
  std::shared_ptr<const Answer> answer;  // Not a copy: an answer may count its calls.
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto rule = std::find_if(rules_.rbegin(), rules_.rend(),
                                   [&](const auto& candidate) { return contains(request, candidate.first); });
    if (rule == rules_.rend()) {
      throw connection_refused(request.url);
    }
    answer = rule->second;
  }
  return (*answer)(request);
}

std::vector<net::HttpRequest> CannedHttp::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t CannedHttp::count(const std::string& part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      requests_.begin(), requests_.end(), [&](const auto& request) { return contains(request, part); }));
}

}  // namespace kexp::test

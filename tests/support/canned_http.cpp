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

net::HttpError answer_cut_off(const std::string& url) {
  return net::HttpError(ExitCode::unavailable, 0, net::printable_url(url) + ": the answer was cut off");
}

void CannedHttp::add(Rule rule) {
  const std::lock_guard lock(mutex_);
  rules_.push_back(std::make_shared<const Rule>(std::move(rule)));
}

void CannedHttp::on(std::string part, Answer answer) { add({std::move(part), std::move(answer)}); }

void CannedHttp::on(std::string part, std::string body, long status) {
  on(std::move(part), [body = std::move(body), status](const net::HttpRequest&) {
    return net::HttpResponse{status, {}, body};
  });
}

void CannedHttp::on_cut(std::string part, net::HttpResponse answer) {
  add({std::move(part), [answer = std::move(answer)](const net::HttpRequest&) { return answer; }, true});
}

void CannedHttp::set_piece_size(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  piece_size_ = bytes;
}

std::shared_ptr<const CannedHttp::Rule> CannedHttp::rule_for(const net::HttpRequest& request,
                                                             const std::stop_token& stop) {
  if (stop.stop_requested()) {
    throw InterruptedError(request.url + ": stopped");
  }
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  const auto rule = std::find_if(rules_.rbegin(), rules_.rend(),
                                 [&](const auto& candidate) { return contains(request, candidate->part); });
  if (rule == rules_.rend()) {
    throw connection_refused(request.url);
  }
  return *rule;  // Shared, not copied: an answer may count its calls.
}

net::HttpResponse CannedHttp::request(const net::HttpRequest& request, std::stop_token stop) {
  const std::shared_ptr<const Rule> rule = rule_for(request, stop);
  net::HttpResponse response = rule->answer(request);
  if (rule->cut) {
    throw answer_cut_off(request.url);
  }
  return response;
}

net::HttpResponse CannedHttp::stream(const net::HttpRequest& request, const net::OnBody& on_body,
                                     std::stop_token stop) {
  const std::shared_ptr<const Rule> rule = rule_for(request, stop);
  net::HttpResponse response = rule->answer(request);
  if (response.status < 200 || response.status >= 300) {
    return response;
  }
  const std::string body = std::exchange(response.body, {});
  std::span<const std::byte> rest = std::as_bytes(std::span(body));
  while (!rest.empty()) {
    if (stop.stop_requested()) {
      throw InterruptedError(request.url + ": stopped");
    }
    const std::size_t size = std::min(rest.size(), piece_size());
    on_body(response, rest.first(size));
    rest = rest.subspan(size);
  }
  if (rule->cut) {
    throw answer_cut_off(request.url);
  }
  return response;
}

std::size_t CannedHttp::piece_size() const {
  const std::lock_guard lock(mutex_);
  return piece_size_;
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

CannedHttp::Answer in_turn(std::vector<net::HttpResponse> answers) {
  return [answers = std::move(answers), next = std::size_t{0}](const net::HttpRequest&) mutable {
    return answers[std::min(next++, answers.size() - 1)];
  };
}

}  // namespace kexp::test

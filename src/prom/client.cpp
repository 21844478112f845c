#include "kexp/prom/client.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <type_traits>

#include <fmt/format.h>

#include "answer.hpp"
#include "answers.hpp"

namespace kexp::prom {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause = 250ms;  // Doubled after each attempt: 7.75 s in all.
constexpr milliseconds kLongestPause = 60s;  // Whatever the server asks for.
constexpr milliseconds kSmallTimeout = 30s;

// `up` is looked at in so many stretches of the window: enough to see every job, bounded for long windows.
constexpr int kIntervalProbes = 12;
constexpr milliseconds kProbeLength = 10min;

constexpr auto kLongestPast = std::chrono::years(20);

std::string seconds_text(std::int64_t ms) { return fmt::format("{}.{:03}", ms / 1000, ms % 1000); }

/// Outwards to whole milliseconds: the window's own ends stay inside.
std::string start_text(const Window& window) { return seconds_text(unix_ms(window.start)); }
std::string end_text(const Window& window) { return seconds_text(unix_ms(window.end + 999'999ns)); }

std::string checked_url(std::string url) {
  while (!url.empty() && url.back() == '/') {
    url.pop_back();
  }
  const std::size_t scheme = url.rfind("http://", 0) == 0 ? 7 : url.rfind("https://", 0) == 0 ? 8 : 0;
  if (scheme == 0 || url.size() == scheme || url.find_first_of("?# ") != std::string::npos) {
    throw UsageError(fmt::format("--prometheus must be a URL such as http://localhost:9090, got \"{}\"",
                                 net::printable_url(url)));
  }
  return url;
}

/// The lower median of the distances of consecutive samples; 0 without any.
std::int64_t median_distance(const std::vector<std::int64_t>& times) {
  std::vector<std::int64_t> distances;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] > times[i - 1]) {
      distances.push_back(times[i] - times[i - 1]);
    }
  }
  if (distances.empty()) {
    return 0;
  }
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>((distances.size() - 1) / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

/// The range that, at `end_ms`, has what lies from `start_ms` on: up to version 2 it includes its start.
milliseconds range_of(std::int64_t start_ms, std::int64_t end_ms, const ServerInfo& info) {
  const bool starts_after = !info.version.empty() && std::atoi(info.version.c_str()) >= 3;
  return milliseconds(end_ms - start_ms + (starts_after ? 1 : 0));
}

/// Retry-After as seconds; its other form, a date, counts as none.
milliseconds retry_after(const net::HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    int seconds = 0;
    if (name == "retry-after" &&
        std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc() &&
        seconds > 0) {
      return std::chrono::seconds(seconds);
    }
  }
  return {};
}

}  // namespace

Client::Client(const std::string& url, net::HttpClient& http, Clock& clock, Log& log)
    : url_(checked_url(url)), source_(net::printable_url(url_)), http_(http), clock_(clock), log_(log) {}

net::HttpRequest Client::make_request(Method method, const std::string& path,
                                      const Parameters& parameters) const {
  net::HttpRequest request;
  request.url = url_ + path;
  request.timeout = path.find("/query") == std::string::npos ? kSmallTimeout : kQueryTimeout;
  if (method == Method::post) {
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = net::encode_query(parameters);
  } else if (!parameters.empty()) {
    request.url += "?" + net::encode_query(parameters);
  }
  return request;
}

Answer answer_of(net::HttpResponse response) {
  using Kind = Answer::Kind;
  const long status = response.status;
  if (status >= 200 && status < 300) {
    return {Kind::good, status, std::move(response.body), {}};
  }
  const Problem problem = parse_problem(response.body);
  Answer answer{Kind::refused, status, fmt::format("HTTP {}: {}", status, problem.text), {}};
  const auto says = [&](std::string_view text) { return problem.text.find(text) != std::string::npos; };
  if (status == 413 || says("too many samples") || says("maximum resolution") ||
      says("exceeded sample limit")) {
    answer.kind = Kind::too_much;
  } else if (status == 504 || problem.type == "timeout") {
    answer.kind = Kind::timed_out;
  } else if (status == 429 || (status >= 500 && status != 501)) {
    answer.kind = Kind::failed;
    answer.retry_after = retry_after(response);
  }
  return answer;
}

Answer answer_of(const net::HttpError& error) {
  using Kind = Answer::Kind;
  return {error.timed_out()   ? Kind::timed_out
          : error.retriable() ? Kind::unreachable
                              : Kind::refused,
          0,
          error.what(),
          {}};
}

Answer Client::ask_once(const net::HttpRequest& request, const std::stop_token& stop) const {
  try {
    return answer_of(http_.request(request, stop));
  } catch (const net::HttpError& e) {
    return answer_of(e);
  }
}

void Client::wait(const std::string& path, int attempt, const Answer& answer,
                  const std::stop_token& stop) const {
  log_.debug("prom: server={} path={} attempt={} {}", source_, path, attempt, answer.text);
  const milliseconds pause = std::max(kFirstPause * (1 << (attempt - 1)), answer.retry_after);
  if (!clock_.sleep_for(std::min(pause, kLongestPause), stop)) {
    throw InterruptedError(fmt::format("{}: stopped", source_));
  }
}

Answer Client::ask(Method method, const std::string& path, const Parameters& parameters, Retry retry,
                   const std::stop_token& stop) const {
  using Kind = Answer::Kind;
  const net::HttpRequest request = make_request(method, path, parameters);
  for (int attempt = 1;; ++attempt) {
    Answer answer = ask_once(request, stop);
    const bool again =
        answer.kind == Kind::failed || (answer.kind == Kind::unreachable && retry == Retry::always);
    if (!again || attempt == kAttempts) {
      return answer;
    }
    wait(path, attempt, answer, stop);
  }
}

PrometheusError Client::failure(const std::string& path, const Answer& answer) const {
  using Kind = Answer::Kind;
  switch (answer.kind) {
    case Kind::unreachable:
      return {ExitCode::unavailable, 0,
              fmt::format("--prometheus {} does not answer: {}", source_, answer.text)};
    case Kind::timed_out:
      return {ExitCode::unavailable, answer.status,
              fmt::format("--prometheus {} did not answer {} in time: {}", source_, path, answer.text)};
    case Kind::failed:
      return {ExitCode::unavailable, answer.status,
              fmt::format("--prometheus {} fails at {}: {}", source_, path, answer.text)};
    case Kind::good:
    case Kind::too_much:
    case Kind::refused:
      break;
  }
  return {ExitCode::failed, answer.status,
          fmt::format("--prometheus {} refused {}: {}", source_, path, answer.text)};
}

std::string Client::body_of(Method method, const std::string& path, const Parameters& parameters,
                            const std::stop_token& stop, Retry retry) const {
  Answer answer = ask(method, path, parameters, retry, stop);
  if (answer.kind != Answer::Kind::good) {
    throw failure(path, answer);
  }
  return std::move(answer.text);
}

template <typename Parse>
auto Client::parsed(const std::string& path, std::string body, const Parse& parse) const {
  Warnings warnings;
  try {
    auto value = parse(std::move(body), warnings);
    for (const std::string& warning : warnings) {
      log_.warn("prom: server={} path={} says: {}", source_, path, warning);
    }
    return value;
  } catch (const BadAnswer& e) {
    throw PrometheusError(ExitCode::unavailable, 200,
                          fmt::format("--prometheus {} answers {} in another way than Prometheus: {}",
                                      source_, path, e.what()));
  }
}

ServerInfo Client::server_info(const std::stop_token& stop) const {
  const std::string build_path = "/api/v1/status/buildinfo";
  Answer answer = ask(Method::get, build_path, {}, Retry::only_after_answers, stop);
  if (answer.kind == Answer::Kind::refused) {
    throw PrometheusError(ExitCode::unavailable, answer.status,
                          fmt::format("--prometheus {} is no Prometheus, or lets nobody in: {} at {}",
                                      source_, answer.text, build_path));
  }
  if (answer.kind != Answer::Kind::good) {
    throw failure(build_path, answer);
  }
  ServerInfo info;
  info.version = parsed(build_path, std::move(answer.text), parse_info)["version"];
  const std::string runtime_path = "/api/v1/status/runtimeinfo";
  if (Answer runtime = ask(Method::get, runtime_path, {}, Retry::always, stop);
      runtime.kind == Answer::Kind::good) {
    info.retention = parsed(runtime_path, std::move(runtime.text), parse_info)["storageRetention"];
  }  // Relatives of Prometheus do not all have it.
  return info;
}

std::optional<Nanoseconds> Client::clock_ahead(const std::stop_token& stop) const {
  const net::HttpRequest request = make_request(Method::post, "/api/v1/query", {{"query", "time()"}});
  const WallTime asked = clock_.wall_now();
  Answer answer = ask_once(request, stop);
  const WallTime middle = asked + (clock_.wall_now() - asked) / 2;
  if (answer.kind != Answer::Kind::good) {
    return std::nullopt;
  }
  try {
    Warnings ignored;
    const std::chrono::duration<double> time(parse_scalar(std::move(answer.text), ignored));
    return std::chrono::round<milliseconds>(time) - middle.time_since_epoch();
  } catch (const BadAnswer&) {
    return std::nullopt;
  }
}

std::optional<Labels> Client::external_labels(const std::stop_token& stop) const {
  const std::string path = "/api/v1/status/config";
  Answer answer = ask(Method::get, path, {}, Retry::always, stop);
  if (answer.kind == Answer::Kind::refused) {
    return std::nullopt;
  }
  if (answer.kind != Answer::Kind::good) {
    throw failure(path, answer);
  }
  return parsed(path, std::move(answer.text), parse_external_labels);
}

std::vector<std::string> Client::metric_names(const Window& window, const std::vector<Selector>& selectors,
                                              const std::stop_token& stop) const {
  Parameters parameters = {{"start", start_text(window)}, {"end", end_text(window)}};
  for (const Selector& selector : selectors) {
    parameters.emplace_back("match[]", fmt::format("{{{}}}", selector.matchers()));
  }
  const std::string path = "/api/v1/label/__name__/values";
  std::vector<std::string> names = parsed(path, body_of(Method::get, path, parameters, stop), parse_strings);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<Labels> Client::series(const std::string& metric, const Window& window,
                                   const std::vector<Selector>& selectors,
                                   const std::stop_token& stop) const {
  Parameters parameters = {{"start", start_text(window)}, {"end", end_text(window)}};
  for (const std::string& selector : narrowed_selectors({metric, selectors, {}, {}})) {
    parameters.emplace_back("match[]", selector);
  }
  const std::string path = "/api/v1/series";
  std::vector<Labels> series = parsed(path, body_of(Method::post, path, parameters, stop), parse_series);
  std::sort(series.begin(), series.end());
  series.erase(std::unique(series.begin(), series.end()), series.end());
  return series;
}

std::map<std::string, MetricMetadata> Client::metadata(const std::stop_token& stop) const {
  const std::string path = "/api/v1/metadata";
  return parsed(path, body_of(Method::get, path, {}, stop), parse_metadata);
}

Targets Client::targets(const std::stop_token& stop) const {
  const std::string path = "/api/v1/targets";
  Answer answer = ask(Method::get, path, {{"state", "active"}}, Retry::always, stop);
  if (answer.kind != Answer::Kind::good) {
    return {{}, answer.text};
  }
  try {
    Targets targets{parsed(path, std::move(answer.text), parse_targets), {}};
    std::stable_sort(targets.active.begin(), targets.active.end(),
                     [](const Target& a, const Target& b) { return a.labels < b.labels; });
    return targets;
  } catch (const PrometheusError& e) {  // An answer that is none.
    return {{}, e.what()};
  }
}

std::map<std::string, milliseconds> Client::scrape_intervals(const Window& window,
                                                             const std::stop_token& stop) const {
  const auto length = std::chrono::ceil<milliseconds>(window.end - window.start);
  const milliseconds distance = std::max(kProbeLength, length / kIntervalProbes);
  const std::string path = "/api/v1/query";
  std::map<Labels, std::vector<std::int64_t>> medians;  // By target, of each stretch.
  for (milliseconds offset{0}; offset < length; offset += distance) {
    const milliseconds stretch = std::min(kProbeLength, length - offset);
    const Parameters parameters = {{"query", fmt::format("up[{}ms]", stretch.count())},
                                   {"time", seconds_text(unix_ms(window.start + offset + stretch))}};
    for (const SeriesSamples& target :
         parsed(path, body_of(Method::post, path, parameters, stop), parse_matrix)) {
      std::vector<std::int64_t> times;
      std::transform(target.samples.begin(), target.samples.end(), std::back_inserter(times),
                     [](const Sample& sample) { return sample.ts_ms; });
      if (const std::int64_t median = median_distance(times); median > 0) {
        medians[target.labels].push_back(median);
      }
    }
  }
  std::map<std::string, milliseconds> slowest;
  for (auto& [labels, values] : medians) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    const auto job = labels.find("job");
    milliseconds& interval = slowest[job == labels.end() ? "" : job->second];
    interval = std::max(interval, milliseconds(*middle));
  }
  return slowest;
}

bool Client::has_data(const Window& window, const std::stop_token& stop) const {
  return !metric_names(window, {}, stop).empty();
}

std::optional<Window> Client::stored(const std::stop_token& stop) const {
  const WallTime now = std::chrono::ceil<std::chrono::seconds>(clock_.wall_now()) + 1h;  // Clocks differ.
  const WallTime past = now - kLongestPast;
  if (!has_data({past, now}, stop)) {
    return std::nullopt;
  }
  const auto bisect = [&](const auto& is_there) {  // The last time before which `is_there` is false.
    WallTime no = past, yes = now;
    while (yes - no > 1s) {
      const WallTime middle = no + (yes - no) / 2;
      (is_there(middle) ? yes : no) = middle;
    }
    return yes;
  };
  const WallTime oldest = bisect([&](WallTime t) { return has_data({past, t}, stop); });
  const WallTime newest = bisect([&](WallTime t) { return !has_data({t, now}, stop); });
  return Window{oldest, newest};
}

std::uint64_t Client::count_samples(const MetricQuery& query, std::int64_t start_ms, std::int64_t end_ms,
                                    const ServerInfo& info, const std::stop_token& stop) const {
  const std::string path = "/api/v1/query";
  const Answer answer = ask(
      Method::post, path,
      {{"query", count_expression(query, range_of(start_ms, end_ms, info))}, {"time", seconds_text(end_ms)}},
      Retry::always, stop);
  if (answer.kind == Answer::Kind::good) {
    return static_cast<std::uint64_t>(parsed(path, answer.text, parse_sum));
  }
  if (answer.kind != Answer::Kind::too_much || end_ms - start_ms < 2) {
    throw failure(path, answer);
  }
  const std::int64_t middle = start_ms + (end_ms - start_ms) / 2;
  return count_samples(query, start_ms, middle, info, stop) +
         count_samples(query, middle + 1, end_ms, info, stop);
}

void Client::query_range(const std::string& expression, const Grid& grid, const OnSeries& on_series,
                         const std::stop_token& stop) const {
  query_range(expression, grid, on_series, kTimeoutsPerQuery, stop);
}

void Client::query_range(const std::string& expression, const Grid& grid, const OnSeries& on_series,
                         int timeouts_left, const std::stop_token& stop) const {
  const std::string path = "/api/v1/query_range";
  Answer answer = ask(Method::post, path,
                      {{"query", expression},
                       {"start", seconds_text(grid.first_ms)},
                       {"end", seconds_text(grid.last_ms())},
                       {"step", seconds_text(grid.step_ms)}},
                      Retry::always, stop);
  if (answer.kind == Answer::Kind::good) {
    on_series(parsed(path, std::move(answer.text), parse_matrix));
    return;
  }
  const bool timed_out = answer.kind == Answer::Kind::timed_out;
  if (grid.count < 2 || !(answer.kind == Answer::Kind::too_much || (timed_out && timeouts_left > 0))) {
    throw failure(path, answer);
  }
  log_.debug("prom: server={} points={} halved: {}", source_, grid.count, answer.text);
  const int left = timeouts_left - (timed_out ? 1 : 0);
  const std::int64_t half = grid.count / 2;
  query_range(expression, grid.part(0, half), on_series, left, stop);
  query_range(expression, grid.part(half, grid.count - half), on_series, left, stop);
}

}  // namespace kexp::prom

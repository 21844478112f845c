// The remote read API: what Client does beside queries.

#include <fmt/format.h>

#include "kexp/prom/client.hpp"

#include "answer.hpp"
#include "frame_reader.hpp"
#include "matchers.hpp"
#include "part_builder.hpp"
#include "read_request.hpp"

namespace kexp::prom {

namespace {

constexpr const char* kReadPath = "/api/v1/read";
constexpr std::string_view kChunksType = "application/x-streamed-protobuf";
constexpr std::string_view kSamplesType = "application/x-protobuf";
constexpr std::size_t kMostPacked = std::size_t{16} << 20U;
constexpr std::size_t kMostUnpacked = std::size_t{48} << 20U;
constexpr std::size_t kShownBytes = 200;

/// An attempt to read that came to nothing.
class ReadFailed : public std::runtime_error {
 public:
  explicit ReadFailed(Answer answer) : std::runtime_error(answer.text), answer_(std::move(answer)) {}
  [[nodiscard]] const Answer& answer() const { return answer_; }

 private:
  Answer answer_;
};

std::string_view content_type(const net::HttpResponse& head) {
  for (const auto& [name, value] : head.headers) {
    if (name == "content-type") {
      return std::string_view(value).substr(0, value.find(';'));
    }
  }
  return {};
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Takes the body of one good answer apart, whichever of the two kinds it is.
class AnswerReader {
 public:
  AnswerReader(PartBuilder& parts, ReadResult& result)
      : parts_(parts), result_(result), frames_([this](auto message) { parts_.read_chunks(message); }) {}

  /// Errors: BadAnswer, ServerMustDecode; ReadFailed where it is of no kind of Prometheus'.
  void feed(const net::HttpResponse& head, std::span<const std::byte> part) {
    result_.bytes += part.size();
    check_type(head, part);
    if (content_type(head) == kChunksType) {
      frames_.feed(part);
      return;
    }
    packed_ += as_text(part);
    refuse_if(packed_.size() > kMostPacked);
  }

  /// Errors: as `feed`.
  void finish(const net::HttpResponse& head) {
    check_type(head, {});  // Of a body without a byte it was not looked at.
    frames_.finish();
    if (!packed_.empty()) {
      refuse_if(unpacked_size(packed_) > kMostUnpacked);
      const std::string message = unpack(std::exchange(packed_, {}));
      parts_.read_samples(std::as_bytes(std::span(message)));
    }
    parts_.flush();
  }

  /// Whether it is too large to be taken in one; nothing was handed over then.
  [[nodiscard]] bool too_large() const { return too_large_; }

 private:
  void refuse_if(bool too_large) {
    too_large_ = too_large;
    if (too_large) {
      throw BadAnswer("the answer is larger than this program takes at once");
    }
  }
  static void check_type(const net::HttpResponse& head, std::span<const std::byte> part) {
    const std::string_view type = content_type(head);
    if (type != kChunksType && type != kSamplesType) {
      const std::string_view start = as_text(part.first(std::min(part.size(), kShownBytes)));
      throw ReadFailed({Answer::Kind::refused,
                        head.status,
                        fmt::format("the answer is of the type \"{}\": {}", type, start),
                        {}});
    }
  }

  PartBuilder& parts_;
  ReadResult& result_;
  FrameReader frames_;
  std::string packed_;
  bool too_large_ = false;
};

/// The matchers of each selector, with the metric's name among them.
std::vector<std::vector<Matcher>> matchers_of(const ReadQuery& query) {
  const auto with_metric = [&](std::vector<Matcher> matchers) {
    if (!query.metric.empty()) {
      matchers.insert(matchers.begin(), {Matcher::Type::equal, "__name__", query.metric});
    }
    return matchers;
  };
  std::vector<std::vector<Matcher>> all;
  for (const Selector& selector : query.selectors) {
    all.push_back(with_metric(parse_matchers(selector.matchers())));
  }
  if (all.empty()) {
    all.push_back(with_metric({}));
  }
  return all;
}

}  // namespace

/// One query and how far it is read.
struct Client::Reading {
  Reading(const ReadQuery& asked, SeriesSink& to) : query(asked), sink(to) {}

  const ReadQuery& query;
  SeriesSink& sink;
  std::vector<std::vector<Matcher>> matchers = matchers_of(query);                         ///< By selector.
  std::vector<ReadMode> modes = std::vector<ReadMode>(matchers.size(), ReadMode::chunks);  ///< Likewise.
  std::size_t selector = 0;  ///< That is being read.
  SeenSeries seen;
  ReadResult result;

  void restart() {
    sink.restart();
    seen = {};
    result = {};
  }
};

net::HttpRequest Client::make_read_request(std::string body) const {
  net::HttpRequest request;
  request.url = url_ + kReadPath;
  request.method = "POST";
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Read-Version", "0.1.0"}};
  request.body = std::move(body);
  request.timeout = kQueryTimeout;
  return request;
}

bool Client::has_remote_read(const std::stop_token& stop) const {
  const net::HttpRequest request = make_read_request(
      read_request({{Matcher::Type::equal, "__name__", "kexp_probe"}}, 0, 1, ReadMode::samples));
  for (int attempt = 1;; ++attempt) {
    std::string_view type;
    net::HttpResponse response;
    Answer answer;
    try {
      response = http_.request(request, stop);
      type = content_type(response);
      answer = answer_of(response);
    } catch (const net::HttpError& e) {
      answer = answer_of(e);
    }
    if (answer.kind == Answer::Kind::good) {
      return type == kSamplesType;
    }
    const bool asks_who_we_are = answer.status == 401 || answer.status == 403 || answer.status == 407;
    if (answer.kind == Answer::Kind::refused && answer.status != 0 && !asks_who_we_are) {
      return false;
    }
    const bool again = answer.kind == Answer::Kind::failed || answer.kind == Answer::Kind::unreachable;
    if (!again || attempt == kAttempts) {
      throw failure(kReadPath, answer);
    }
    wait(kReadPath, attempt, answer, stop);
  }
}

void Client::read_stretch(Reading& reading, std::int64_t start_ms, std::int64_t end_ms,
                          const std::stop_token& stop) const {
  const std::size_t selector = reading.selector;
  PartBuilder parts(reading.query, start_ms, end_ms, reading.sink, reading.result);
  if (reading.matchers.size() > 1) {
    parts.leave_out(reading.seen, selector);
  }
  AnswerReader body(parts, reading.result);
  const auto feed = [&](const net::HttpResponse& head, std::span<const std::byte> part) {
    body.feed(head, part);
  };
  Answer answer;
  try {
    const std::string request =
        read_request(reading.matchers[selector], start_ms, end_ms, reading.modes[selector]);
    net::HttpResponse response = http_.stream(make_read_request(request), feed, stop);
    answer = answer_of(response);
    if (answer.kind == Answer::Kind::good) {
      body.finish(response);
    }
  } catch (const net::HttpError& e) {
    answer = answer_of(e);
  } catch (const BadAnswer& e) {  // Sent again, it may come whole.
    answer = {body.too_large() ? Answer::Kind::too_much : Answer::Kind::failed, 200, e.what(), {}};
  }
  if (answer.kind == Answer::Kind::too_much && start_ms < end_ms) {
    log_.debug("prom: server={} path={} stretch_ms={} halved: {}", source_, kReadPath, end_ms - start_ms,
               answer.text);
    const std::int64_t middle = start_ms + (end_ms - start_ms) / 2;
    read_stretch(reading, start_ms, middle, stop);
    read_stretch(reading, middle + 1, end_ms, stop);
  } else if (answer.kind != Answer::Kind::good) {
    throw ReadFailed(std::move(answer));
  }
}

void Client::read_once(Reading& reading, const std::stop_token& stop) const {
  for (reading.selector = 0; reading.selector < reading.matchers.size(); ++reading.selector) {
    read_stretch(reading, reading.query.start_ms, reading.query.end_ms, stop);
  }
}

ReadResult Client::remote_read(const ReadQuery& query, SeriesSink& sink, const std::stop_token& stop) const {
  using Kind = Answer::Kind;
  Reading reading(query, sink);
  int timeouts_left = kTimeoutsPerQuery;
  for (int attempt = 1;;) {
    try {
      read_once(reading, stop);
      reading.result.decoded_by_server =
          std::find(reading.modes.begin(), reading.modes.end(), ReadMode::samples) != reading.modes.end();
      return reading.result;
    } catch (const ServerMustDecode& e) {
      ReadMode& mode = reading.modes[reading.selector];
      if (mode == ReadMode::samples) {
        throw failure(kReadPath, {Kind::failed, 200, e.what(), {}});
      }
      log_.debug("prom: server={} path={} the server decodes: {}", source_, kReadPath, e.what());
      mode = ReadMode::samples;
    } catch (const ReadFailed& e) {
      const Kind kind = e.answer().kind;
      const bool again = kind == Kind::failed || kind == Kind::unreachable ||
                         (kind == Kind::timed_out && --timeouts_left > 0);
      if (!again || attempt == kAttempts) {
        throw failure(kReadPath, e.answer());
      }
      wait(kReadPath, attempt++, e.answer(), stop);
    }
    reading.restart();
  }
}

}  // namespace kexp::prom

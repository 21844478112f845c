// The body of a remote read: its framing, its messages, and the series that come of them.
//
// An input is one byte for the size of the pieces that the body comes in, and the body. The body is also read
// as one message of each kind, so that no checksum stands before what is behind it.

#include <algorithm>
#include <string>

#include "chunk.hpp"
#include "frame_reader.hpp"
#include "part_builder.hpp"
#include "target.hpp"

namespace {

namespace prom = kexp::prom;
using kexp::fuzz::require;
using Bytes = std::span<const std::byte>;

constexpr std::int64_t kStart = -1'000'000, kEnd = 2'000'000'000'000;

bool in_order_and_window(std::span<const std::int64_t> ts_ms) {
  return std::adjacent_find(ts_ms.begin(), ts_ms.end(), std::greater_equal<>()) == ts_ms.end() &&
         (ts_ms.empty() || (ts_ms.front() >= kStart && ts_ms.back() <= kEnd));
}

class Checker final : public prom::SeriesSink {
 public:
  void restart() override {}
  void receive(const prom::SeriesPart& part) override {
    require(part.ts_ms.size() == part.values.size(), "every value has its time");
    require(in_order_and_window(part.ts_ms), "samples are in the order of time and inside the window");
    require(std::none_of(part.values.begin(), part.values.end(), prom::is_stale),
            "a mark of an end is no value");
    samples += part.ts_ms.size();
  }

  std::uint64_t samples = 0;
};

/// Gives `read(parts)` something to build with.
template <typename Read>
void build(const Read& read) {
  const prom::ReadQuery query{"", {}, kStart, kEnd, {{"site", "lab"}}};
  Checker sink;
  prom::ReadResult result;
  prom::PartBuilder parts(query, kStart, kEnd, sink, result);
  try {
    read(parts);
    parts.flush();
  } catch (const prom::BadAnswer&) {
  } catch (const prom::ServerMustDecode&) {
  }
  require(sink.samples == result.samples, "what was handed over was counted");
}

/// The messages of a body that comes in pieces, and whether it was whole.
std::pair<std::vector<std::string>, bool> messages_of(Bytes body, std::size_t piece) {
  std::vector<std::string> messages;
  prom::FrameReader frames([&](Bytes message) {
    messages.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
  });
  try {
    for (; !body.empty(); body = body.subspan(std::min(piece, body.size()))) {
      frames.feed(body.first(std::min(piece, body.size())));
    }
    frames.finish();
  } catch (const prom::BadAnswer&) {
    return {messages, false};
  }
  return {messages, true};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const Bytes body = std::as_bytes(std::span(data + 1, size - 1));
  const auto whole = messages_of(body, std::max<std::size_t>(body.size(), 1));
  require(messages_of(body, 1 + std::size_t{data[0]}) == whole, "messages do not depend on the pieces");
  for (const std::string& message : whole.first) {
    build([&](prom::PartBuilder& parts) { parts.read_chunks(std::as_bytes(std::span(message))); });
  }
  build([&](prom::PartBuilder& parts) { parts.read_chunks(body); });
  build([&](prom::PartBuilder& parts) { parts.read_samples(body); });
  return 0;
}

#include "read_request.hpp"

#include <snappy.h>

#include "wire.hpp"

namespace kexp::prom {

namespace {

constexpr std::uint64_t kSamples = 0, kStreamedChunks = 1;

std::string matcher_message(const Matcher& matcher) {
  WireWriter out;
  out.number(1, static_cast<std::uint64_t>(matcher.type));
  out.bytes(2, matcher.name);
  out.bytes(3, matcher.value);
  return out.message();
}

}  // namespace

std::string read_request(const std::vector<Matcher>& matchers, std::int64_t start_ms, std::int64_t end_ms,
                         ReadMode mode) {
  WireWriter query;
  query.int64(1, start_ms);
  query.int64(2, end_ms);
  for (const Matcher& matcher : matchers) {
    query.bytes(3, matcher_message(matcher));
  }
  WireWriter request;
  request.bytes(1, query.message());
  if (mode == ReadMode::chunks) {
    request.number(2, kStreamedChunks);
  }
  request.number(2, kSamples);
  std::string compressed;
  snappy::Compress(request.message().data(), request.message().size(), &compressed);
  return compressed;
}

std::size_t unpacked_size(std::string_view compressed) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size)) {
    throw BadAnswer("the samples are not packed by snappy");
  }
  return size;
}

std::string unpack(std::string_view compressed) {
  std::string unpacked;
  if (!snappy::Uncompress(compressed.data(), compressed.size(), &unpacked)) {
    throw BadAnswer("the samples cannot be unpacked (snappy)");
  }
  return unpacked;
}

}  // namespace kexp::prom

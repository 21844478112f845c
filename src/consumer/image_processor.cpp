#include "image_processor.hpp"

#include <exception>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/kafka/options.hpp"
#include "kexp/record/message.hpp"

namespace kexp::consumer {

namespace {

void check_size(std::size_t bytes) {
  if (bytes == 0) {
    throw FailedError("the message is empty, an image was wanted");
  }
  if (bytes > static_cast<std::size_t>(kafka::kMaxImageBytes)) {
    throw FailedError(
        fmt::format("the message has {} bytes, an image at most {}", bytes, kafka::kMaxImageBytes));
  }
}

void describe_message(const kafka::Message& message, record::Result& result) {
  result.id = record::image_id(message.key(), message.partition(), message.offset());
  result.run = message.header(record::kRunHeader).value_or("");
  result.partition = message.partition();
  result.offset = message.offset();
  result.start_time_ms = message.timestamp_ms();
  result.queue_ms = static_cast<double>(result.end_time_ms - result.start_time_ms);
}

}  // namespace

record::Result ImageProcessor::process(std::unique_ptr<kafka::Message> message, Nanoseconds idle) {
  const std::int64_t throttled_before_ns = throttling_.read().value_or(0);
  record::Result result;
  result.idle_ms = milliseconds(idle);
  result.end_time_ms = unix_ms(clock_.wall_now());
  describe_message(*message, result);
  result.source = processing_.identity.source;
  result.node = processing_.identity.node;
  result.pod = processing_.identity.pod;
  result.threads = processing_.threads;
  result.model = detector_.model_name();
  result.engine = detector_.engine();
  result.dimensions = detector_.input_shape();
  try {
    decode(*message, result);
    message.reset();
    detect(result);
  } catch (const std::exception& e) {  // The engine's own exceptions among them.
    result.errors = 1;
    result.error = e.what();
    result.detections.clear();
  }
  result.done_time_ms = unix_ms(clock_.wall_now());
  result.throttled_ms = milliseconds(Nanoseconds(throttling_.read().value_or(0) - throttled_before_ns));
  return result;
}

void ImageProcessor::decode(const kafka::Message& message, record::Result& result) {
  const SteadyTime start = clock_.now();
  check_size(message.value().size());
  image::decode_into(message.value(), image_);
  result.width = image_.width;
  result.height = image_.height;
  result.decode_ms = milliseconds(clock_.now() - start);
}

void ImageProcessor::detect(record::Result& result) {
  const inference::DetectorResult found = detector_.detect(image_);
  result.pre_ms = milliseconds(found.preprocess);
  result.inf_ms = milliseconds(found.inference);
  result.post_ms = milliseconds(found.postprocess);
  result.dimensions = found.input_shape;
  const std::vector<std::string>& labels = detector_.labels();
  result.detections.reserve(found.detections.size());
  for (const inference::Detection& detection : found.detections) {
    const auto index = static_cast<std::size_t>(detection.class_id);
    result.detections.push_back({detection.class_id,
                                 index < labels.size() ? labels[index] : std::string(),
                                 detection.confidence,
                                 {detection.x, detection.y, detection.width, detection.height}});
  }
}

}  // namespace kexp::consumer

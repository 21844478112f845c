#include "image_processor.hpp"

#include <exception>
#include <utility>

#include "kexp/record/message.hpp"

#include "names.hpp"

namespace kexp::consumer {

record::Result ImageProcessor::process(Task task, Nanoseconds idle) {
  const Throttling before = throttling_.read_all().value_or(Throttling{});
  record::Result result;
  describe(*task.message, idle, result);
  decode(task);
  task.message.reset();
  if (decoded_.error.empty()) {
    detect(result);
  } else {
    result.errors = 1;
    result.error = decoded_.error;
  }
  result.done_time_ms = unix_ms(clock_.wall_now());
  const Throttling after = throttling_.read_all().value_or(Throttling{});
  result.throttled_ms = milliseconds(after.throttled - before.throttled);
  result.throttled_periods = after.throttled_periods - before.throttled_periods;
  return result;
}

void ImageProcessor::decode(Task& task) {
  if (task.decoded) {
    decoded_ = std::move(*task.decoded);
  } else {
    decode_message(*task.message, clock_, decoded_);
  }
}

void ImageProcessor::describe(const kafka::Message& message, Nanoseconds idle, record::Result& result) const {
  result.idle_ms = milliseconds(idle);
  result.end_time_ms = unix_ms(clock_.wall_now());
  result.start_time_ms = message.timestamp_ms();
  result.queue_ms = static_cast<double>(result.end_time_ms - result.start_time_ms);
  const Names names = names_of(message);
  result.id = record::image_id(names.id, message.partition(), message.offset());
  result.run = names.run;
  result.partition = message.partition();
  result.offset = message.offset();
  result.source = processing_.identity.source;
  result.node = processing_.identity.node;
  result.pod = processing_.identity.pod;
  result.threads = processing_.threads;
  result.model = detector_.model_name();
  result.engine = detector_.engine();
  result.dimensions = detector_.input_shape();
}

void ImageProcessor::detect(record::Result& result) {
  result.width = decoded_.image.width;
  result.height = decoded_.image.height;
  result.decode_ms = milliseconds(decoded_.took);
  try {
    add_detections(detector_.detect(decoded_.image), result);
  } catch (const std::exception& e) {  // The engine's own exceptions among them.
    result.errors = 1;
    result.error = e.what();
    result.detections.clear();
  }
}

void ImageProcessor::add_detections(const inference::DetectorResult& found, record::Result& result) const {
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

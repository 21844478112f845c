#include "image_processor.hpp"

#include <exception>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "kexp/record/message.hpp"

#include "names.hpp"
#include "warm_up.hpp"

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
  image::release_large(decoded_.image);
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
    decode_message(*task.message, clock_, processing_.picture_limits, decoded_);
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
  } catch (const inference::ModelFileError& e) {
    throw detector_fault(e, result);
  } catch (const std::bad_alloc&) {
    refuse(fmt::format("there is no memory for a picture of {}x{}", result.width, result.height), result);
  } catch (const std::exception& e) {  // The engine's own exceptions among them.
    judge(e, result);
  }
}

/// Whose fault it is: an answer with an error for every image would lose them all without a word, and a
/// process that ends at one picture would end at it again after each start. So a picture is tried on which
/// this detector has worked.
void ImageProcessor::judge(const std::exception& fault, record::Result& result) {
  try {
    static_cast<void>(detector_.detect(warm_up_picture()));
  } catch (const std::exception& e) {
    throw detector_fault(e, result);
  }
  refuse(fault.what(), result);
}

void ImageProcessor::refuse(const std::string& reason, record::Result& result) {
  result.errors = 1;
  result.error = reason;
  result.detections.clear();
  if (!std::exchange(refusal_told_, true)) {
    log_.warn(
        "consume: partition={} offset={} width={} height={} reason=\"{}\" text=\"the detector, which works, "
        "cannot do this picture: it is answered with an error; more are counted only\"",
        result.partition, result.offset, result.width, result.height, reason);
  }
}

FailedError ImageProcessor::detector_fault(const std::exception& fault, const record::Result& result) const {
  return FailedError(fmt::format(
      "the detector no longer works: {}; partition {} offset {} is neither answered nor committed",
      fault.what(), result.partition, result.offset));
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
    result.detections.push_back(
        {detection.class_id,
         index < labels.size() ? labels[index] : fmt::format("class {}", detection.class_id),
         detection.confidence,
         {detection.x, detection.y, detection.width, detection.height}});
  }
}

}  // namespace kexp::consumer

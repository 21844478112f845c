#pragma once

#include <exception>
#include <memory>
#include <string>

#include "kexp/consumer/identity.hpp"
#include "kexp/core/clock.hpp"
#include "kexp/core/cpu_quota.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/log.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/record/result.hpp"

#include "decoded_image.hpp"
#include "exchange.hpp"

namespace kexp::consumer {

/// Where and how images are processed.
struct Processing {
  Identity identity;
  int threads = 1;  ///< Of one inference.
  image::DecodeLimits picture_limits;
};

/// From one message to its answer. Threads: one at a time; what is referred to outlives it.
class ImageProcessor {
 public:
  ImageProcessor(inference::Detector& detector, const Clock& clock, const ThrottleMeter& throttling, Log& log,
                 Processing processing)
      : detector_(detector),
        clock_(clock),
        throttling_(throttling),
        log_(log),
        processing_(std::move(processing)) {}

  /// Decodes, unless that was done ahead, detects and describes. Whatever is wrong with the image becomes an
  /// answer with `errors` 1: the message is accounted for.
  ///
  /// The message is released once it is decoded: it keeps its whole fetch response in memory.
  /// Errors: FailedError when the detector itself no longer works: the message has no answer then, and none
  /// may be made up for it.
  [[nodiscard]] record::Result process(Task task, Nanoseconds idle);

 private:
  void decode(Task& task);
  void describe(const kafka::Message& message, Nanoseconds idle, record::Result& result) const;
  void detect(record::Result& result);
  void judge(const std::exception& fault, record::Result& result);
  void refuse(const std::string& reason, record::Result& result);
  [[nodiscard]] FailedError detector_fault(const std::exception& fault, const record::Result& result) const;
  void add_detections(const inference::DetectorResult& found, record::Result& result) const;

  inference::Detector& detector_;
  const Clock& clock_;
  const ThrottleMeter& throttling_;
  Log& log_;
  const Processing processing_;
  bool refusal_told_ = false;
  DecodedImage decoded_;  // Its memory is used again.
};

}  // namespace kexp::consumer

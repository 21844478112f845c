#pragma once

#include <memory>

#include "kexp/consumer/identity.hpp"
#include "kexp/core/clock.hpp"
#include "kexp/core/cpu_quota.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/record/result.hpp"

#include "decoded_image.hpp"
#include "exchange.hpp"

namespace kexp::consumer {

/// Where and how images are processed: what every answer says.
struct Processing {
  Identity identity;
  int threads = 1;  ///< Of one inference.
};

/// From one message to its answer. Threads: one at a time; `detector`, `clock` and `throttling` outlive it.
class ImageProcessor {
 public:
  ImageProcessor(inference::Detector& detector, const Clock& clock, const ThrottleMeter& throttling,
                 Processing processing)
      : detector_(detector), clock_(clock), throttling_(throttling), processing_(std::move(processing)) {}

  /// Decodes, unless that was done ahead, detects and describes. Whatever is wrong with the image becomes an
  /// answer with `errors` 1: the message is accounted for.
  ///
  /// The message is released once it is decoded: it keeps its whole fetch response in memory.
  [[nodiscard]] record::Result process(Task task, Nanoseconds idle);

 private:
  void decode(Task& task);
  void describe(const kafka::Message& message, Nanoseconds idle, record::Result& result) const;
  void detect(record::Result& result);
  void add_detections(const inference::DetectorResult& found, record::Result& result) const;

  inference::Detector& detector_;
  const Clock& clock_;
  const ThrottleMeter& throttling_;
  const Processing processing_;
  DecodedImage decoded_;  // Its memory is used again.
};

}  // namespace kexp::consumer

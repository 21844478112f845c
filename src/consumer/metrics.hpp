#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kexp/core/cpu_quota.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/record/result.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "cpu_plan.hpp"
#include "exchange.hpp"

namespace kexp::consumer {

inline constexpr std::string_view kLagRecords = "consumer_lag_records";

/// The decision on threads and what it rests on; a quota that there is not is not shown.
void show_limits(telemetry::Metrics& metrics, const CpuPlan& plan, const CpuLimits& limits);

/// What works here.
void show_model(telemetry::Metrics& metrics, const inference::Detector& detector);

/// One message out of Kafka.
void count_message(telemetry::Metrics& metrics, const std::string& topic, const kafka::Message& message);

/// A message whose "key" or "run" counts as none.
void count_ignored_name(telemetry::Metrics& metrics, const std::string& name);

/// One processed image.
void count_image(telemetry::Metrics& metrics, const record::Result& result);

/// What an image cost in a stage: "decode", "preprocess", "inference", "postprocess", "answer".
void observe_stage(telemetry::Metrics& metrics, const std::string& stage, double seconds);

/// The figures that are read now and then instead of being counted.
class Meters {
 public:
  /// Both outlive it.
  Meters(telemetry::Metrics& metrics, const ThrottleMeter& throttling)
      : metrics_(metrics), throttling_(throttling) {}

  void show(const Exchange::State& state, bool ready);
  void show_prefetched(std::size_t records) {
    metrics_.set("prefetched_records", static_cast<double>(records));
  }

 private:
  telemetry::Metrics& metrics_;
  const ThrottleMeter& throttling_;
  Throttling throttled_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t resent_ = 0;
  std::uint64_t shortened_ = 0;
};

}  // namespace kexp::consumer

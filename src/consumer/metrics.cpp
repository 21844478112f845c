#include "metrics.hpp"

#include <algorithm>

namespace kexp::consumer {

void show_limits(telemetry::Metrics& metrics, const CpuPlan& plan, const CpuLimits& limits) {
  metrics.set("inference_threads", plan.threads());
  metrics.set("inference_streams", plan.streams);
  if (limits.quota_cpus > 0) {
    metrics.set("cpu_quota_cpus", limits.quota_cpus);
  }
}

void show_model(telemetry::Metrics& metrics, const inference::Detector& detector) {
  metrics.set("inference_info", 1, {detector.model_name(), detector.engine()});
}

void count_message(telemetry::Metrics& metrics, const std::string& topic, const kafka::Message& message) {
  metrics.add("records_received_total", 1, {topic});
  metrics.add("bytes_received_total", static_cast<double>(message.value().size()), {topic});
}

void count_ignored_name(telemetry::Metrics& metrics, const std::string& name) {
  metrics.add("ignored_names_total", 1, {name});
}

void observe_stage(telemetry::Metrics& metrics, const std::string& stage, double seconds) {
  metrics.observe("inference_duration_seconds", seconds, {stage});
}

void count_image(telemetry::Metrics& metrics, const record::Result& result) {
  const bool failed = result.errors != 0;
  metrics.add("records_processed_total", 1, {failed ? "error" : "ok"});
  metrics.add("idle_seconds_total", result.idle_ms / 1000);
  // Clocks differ: a negative one would make the sum, which is a counter, fall.
  metrics.observe("queue_duration_seconds", std::max(result.queue_ms, 0.0) / 1000);
  if (failed) {
    return;
  }
  observe_stage(metrics, "decode", result.decode_ms / 1000);
  observe_stage(metrics, "preprocess", result.pre_ms / 1000);
  observe_stage(metrics, "inference", result.inf_ms / 1000);
  observe_stage(metrics, "postprocess", result.post_ms / 1000);
  for (const record::ResultDetection& detection : result.detections) {
    metrics.add("detections_total", 1, {detection.label});
  }
}

void Meters::show(const Exchange::State& state, bool ready) {
  metrics_.set("ready", ready ? 1 : 0);
  metrics_.set("assigned_partitions", static_cast<double>(state.partitions.size()));
  metrics_.set("unacknowledged_answers", static_cast<double>(state.unacknowledged));
  metrics_.add("answers_acknowledged_total", static_cast<double>(state.acknowledged - acknowledged_));
  metrics_.add("answers_resent_total", static_cast<double>(state.resent - resent_));
  metrics_.add("answers_shortened_total", static_cast<double>(state.shortened - shortened_));
  acknowledged_ = state.acknowledged;
  resent_ = state.resent;
  shortened_ = state.shortened;
  if (const auto now = throttling_.read_all()) {
    metrics_.add("cpu_quota_periods_total", static_cast<double>(now->periods - throttled_.periods));
    metrics_.add("throttled_periods_total",
                 static_cast<double>(now->throttled_periods - throttled_.throttled_periods));
    metrics_.add("throttled_seconds_total", seconds(now->throttled - throttled_.throttled));
    throttled_ = *now;
  }
}

}  // namespace kexp::consumer

#include "metrics.hpp"

namespace kexp::consumer {

void show_limits(telemetry::Metrics& metrics, int threads, const CpuLimits& limits) {
  metrics.set("inference_threads", threads);
  if (limits.quota_cpus > 0) {
    metrics.set("cpu_quota_cpus", limits.quota_cpus);
  }
}

void count_image(telemetry::Metrics& metrics, const record::Result& result) {
  const bool failed = result.errors != 0;
  metrics.add("records_processed_total", 1, {failed ? "error" : "ok"});
  metrics.add("idle_seconds_total", result.idle_ms / 1000);
  metrics.observe("queue_duration_seconds", result.queue_ms / 1000);
  if (failed) {
    return;
  }
  metrics.observe("inference_duration_seconds", result.decode_ms / 1000, {"decode"});
  metrics.observe("inference_duration_seconds", result.pre_ms / 1000, {"preprocess"});
  metrics.observe("inference_duration_seconds", result.inf_ms / 1000, {"inference"});
  metrics.observe("inference_duration_seconds", result.post_ms / 1000, {"postprocess"});
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
  acknowledged_ = state.acknowledged;
  resent_ = state.resent;
  if (const auto throttled_ns = throttling_.read()) {
    metrics_.add("throttled_seconds_total", static_cast<double>(*throttled_ns - throttled_ns_) / 1e9);
    throttled_ns_ = *throttled_ns;
  }
}

}  // namespace kexp::consumer

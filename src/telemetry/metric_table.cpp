#include <algorithm>
#include <array>

#include "kexp/telemetry/metrics.hpp"

namespace kexp::telemetry {

namespace {

// Every histogram is a stretch of this ladder, so that their buckets line up.
constexpr std::array kLadder = {1e-6,  2e-6, 5e-6, 1e-5,  2e-5,  5e-5,  1e-4,   2e-4,   5e-4,  0.001, 0.002,
                                0.005, 0.01, 0.02, 0.05,  0.1,   0.2,   0.5,    1.0,    2.0,   5.0,   10.0,
                                20.0,  30.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0};

/// The steps of the ladder from `low` to `high`, both included.
constexpr std::span<const double> seconds_from(double low, double high) {
  const auto* const first = std::find(kLadder.begin(), kLadder.end(), low);
  const auto* const last = std::find(first, kLadder.end(), high);
  return {first, last + 1};
}

}  // namespace

const std::vector<MetricSpec>& metric_table() {
  using enum MetricType;
  static const std::vector<MetricSpec> table = {
      {"kexp_build_info", gauge, "version", "", "1, with the version of kexp as label."},

      {"kexp_planned_records", gauge, "", "records", "Images that the plan holds."},
      {"kexp_offered_bytes_per_second", gauge, "", "bytes per second", "Rate that the plan asks for now."},
      {"kexp_records_sent_total", counter, "topic", "records", "Records handed to the producer."},
      {"kexp_bytes_sent_total", counter, "topic", "bytes", "Values handed to the producer, in bytes."},
      {"kexp_records_acknowledged_total", counter, "topic", "records",
       "Records that the broker has confirmed."},
      {"kexp_bytes_acknowledged_total", counter, "topic", "bytes",
       "Values that the broker has confirmed, in bytes."},
      {"kexp_records_failed_total", counter, "topic", "records",
       "Records that the broker or the producer gave up."},
      {"kexp_records_dropped_total", counter, "topic", "records",
       "Planned records that were never handed over."},
      {"kexp_queue_full_total", counter, "", "times", "Sends that found the producer's queue full."},
      {"kexp_queue_full_seconds_total", counter, "", "seconds",
       "Time that sends waited for room in the producer's queue."},
      {"kexp_source_starved_total", counter, "", "times",
       "Sends that found their image not in memory yet, while a large dataset is streamed."},
      {"kexp_in_flight_records", gauge, "", "records", "Records sent that have no delivery report yet."},
      {"kexp_schedule_debt_seconds", gauge, "", "seconds",
       "How far the pacing thread is behind the plan now."},
      {"kexp_send_lateness_seconds", histogram, "", "seconds", "Actual send minus intended time.",
       seconds_from(1e-6, 10.0)},
      {"kexp_delivery_duration_seconds", histogram, "", "seconds",
       "Broker's confirmation minus intended time.", seconds_from(5e-4, 100.0)},

      {"kexp_ready", gauge, "", "", "1 while partitions are assigned and the model is warm, else 0."},
      {"kexp_records_received_total", counter, "topic", "records", "Records taken from Kafka."},
      {"kexp_bytes_received_total", counter, "topic", "bytes", "Values taken from Kafka, in bytes."},
      {"kexp_ignored_names_total", counter, "name", "records",
       "Records whose key or run counts as none, being too long or no printable ASCII: key, run."},
      {"kexp_prefetched_records", gauge, "", "records", "Records fetched that no stream has begun yet."},
      {"kexp_records_processed_total", counter, "outcome", "records",
       "Images that left the pipeline: ok, or error. One whose answer was shortened later is ok."},
      {"kexp_answers_acknowledged_total", counter, "", "records", "Answers that the broker has confirmed."},
      {"kexp_answers_resent_total", counter, "", "records", "Answers sent again after a failure."},
      {"kexp_answers_shortened_total", counter, "", "records",
       "Answers without their detections, since the output topic takes no larger ones."},
      {"kexp_unacknowledged_answers", gauge, "", "records",
       "Answers sent or due that are not confirmed yet."},
      {"kexp_inference_duration_seconds", histogram, "stage", "seconds",
       "Time of one image in a stage: decode, preprocess, inference, postprocess, answer (until it is sent).",
       seconds_from(1e-4, 30.0)},
      {"kexp_queue_duration_seconds", histogram, "", "seconds",
       "Reception minus CreateTime of the record, 0 where clocks differ and it would be negative.",
       seconds_from(0.001, 5000.0)},
      {"kexp_idle_seconds_total", counter, "", "seconds",
       "Time that streams waited for a record, of all streams together."},
      {"kexp_quota_pauses_seconds_total", counter, "", "seconds",
       "Time that streams paused between images to stay within the CPU quota."},
      {"kexp_detections_total", counter, "label", "detections", "Objects found, by class."},
      {"kexp_assigned_partitions", gauge, "", "partitions",
       "Partitions that the group has given to this consumer."},
      {"kexp_rebalances_total", counter, "kind", "times",
       "Changes of the assignment: assigned, revoked, lost."},
      {"kexp_consumer_lag_records", gauge, "topic,partition", "records",
       "End offset minus committed offset of an assigned partition."},
      {"kexp_inference_info", gauge, "model,engine", "", "1, with the model and the engine as labels."},
      {"kexp_inference_streams", gauge, "", "streams", "Images that may be in inference at the same time."},
      {"kexp_inference_threads", gauge, "", "threads", "Threads of inference, of all streams together."},
      {"kexp_cpu_quota_cpus", gauge, "", "CPUs", "CPU quota of the cgroup; absent without one."},
      {"kexp_cpu_quota_periods_total", counter, "", "periods",
       "Periods of the CPU quota in which the process wanted CPU."},
      {"kexp_throttled_periods_total", counter, "", "periods", "Periods in which the CPU quota ran out."},
      {"kexp_throttled_seconds_total", counter, "", "seconds",
       "Time that the CPU quota held the process back."},

      {"kexp_results_received_total", counter, "model", "records",
       "Answers taken from the result topic, by model: of the first 16 of the run, or other."},
      {"kexp_results_duplicate_total", counter, "", "records", "Answers to an id that already had one."},
      {"kexp_results_foreign_total", counter, "", "records", "Answers that belong to another run."},
      {"kexp_results_invalid_total", counter, "", "records",
       "Records on the result topic that are no answer."},
      {"kexp_results_in_time_total", counter, "", "records",
       "First answers whose image was done within the deadline."},
      {"kexp_results_late_total", counter, "", "records",
       "First answers whose image was done after the deadline."},
      {"kexp_results_deadline_seconds", gauge, "", "seconds",
       "The deadline: longest time from intended time to end of postprocessing that counts as goodput."},
      {"kexp_results_awaited_records", gauge, "", "records",
       "Acknowledged images without an answer; known when the feed has finished."},
      {"kexp_result_stage_seconds", histogram, "stage", "seconds",
       "Time that an answer names for a stage: queue, decode, pre, inf, post.", seconds_from(1e-4, 5000.0)},
      {"kexp_end_to_end_seconds", histogram, "", "seconds", "End of postprocessing minus intended time.",
       seconds_from(0.001, 5000.0)},
      {"kexp_result_delivery_seconds", histogram, "", "seconds",
       "Reception of the answer minus end of postprocessing.", seconds_from(0.001, 5000.0)},
  };
  return table;
}

}  // namespace kexp::telemetry

#pragma once

#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "kexp/kafka/error.hpp"

namespace kexp::kafka {

/// The protocol's name: "UNKNOWN_TOPIC_OR_PART"; the client's own begin with "_" ("_MSG_TIMED_OUT").
[[nodiscard]] std::string error_name(rd_kafka_resp_err_t code);

/// True when brokers could not be reached or did not answer in time.
[[nodiscard]] bool is_unavailable(rd_kafka_resp_err_t code);

/// `what` says what was tried: "cannot create topic yolo_input"; `detail` is the library's own text when it
/// gave one.
[[nodiscard]] KafkaError make_error(rd_kafka_resp_err_t code, std::string_view what,
                                    std::string_view detail = {});

/// Takes over an error object of librdkafka; null means all went well. Errors: KafkaError.
void check(rd_kafka_error_t* error, std::string_view what);
/// Errors: KafkaError.
void check(rd_kafka_resp_err_t code, std::string_view what);

}  // namespace kexp::kafka

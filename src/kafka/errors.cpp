#include "errors.hpp"

#include <fmt/format.h>

#include "handles.hpp"

namespace kexp::kafka {

std::string error_name(rd_kafka_resp_err_t code) { return rd_kafka_err2name(code); }

bool is_unavailable(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
      return true;
    default:
      return false;
  }
}

KafkaError make_error(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail) {
  const bool unavailable = is_unavailable(code);
  return {unavailable ? ExitCode::unavailable : ExitCode::failed, error_name(code), unavailable,
          fmt::format("{}: {}", what, detail.empty() ? rd_kafka_err2str(code) : detail)};
}

void check(rd_kafka_error_t* error, std::string_view what) {
  if (const ErrorHandle owned{error}) {
    throw make_error(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
  }
}

void check(rd_kafka_resp_err_t code, std::string_view what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw make_error(code, what);
  }
}

}  // namespace kexp::kafka

#pragma once

#include <memory>
#include <string>

#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

/// Clients of librdkafka; its log lines go to `log`, which outlives the factory and its clients.
[[nodiscard]] std::unique_ptr<ClientFactory> make_client_factory(Log& log);

/// Checks what a producer would be made with: its servers, and whether the library takes the properties
/// together. No broker is looked for. Errors: UsageError naming --servers or -X.
void check_producer(const ProducerOptions& options, Log& log);

/// "2.0.2", the library at run time.
[[nodiscard]] std::string librdkafka_version();

}  // namespace kexp::kafka

#pragma once

#include <memory>

#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

[[nodiscard]] std::unique_ptr<Producer> make_rd_producer(const ProducerOptions& options,
                                                         DeliveryHandler handler, Log& log);
[[nodiscard]] std::unique_ptr<Consumer> make_rd_consumer(const ConsumerOptions& options, Log& log);
[[nodiscard]] std::unique_ptr<Admin> make_rd_admin(const ClientOptions& options, Log& log,
                                                   std::stop_token stop);

}  // namespace kexp::kafka

#include "kexp/kafka/librdkafka.hpp"

#include "clients.hpp"
#include "handles.hpp"

namespace kexp::kafka {
namespace {

class RdClientFactory final : public ClientFactory {
 public:
  explicit RdClientFactory(Log& log) : log_(log) {}
  [[nodiscard]] std::unique_ptr<Producer> make_producer(const ProducerOptions& options,
                                                        DeliveryHandler handler) override {
    return make_rd_producer(options, std::move(handler), log_);
  }
  [[nodiscard]] std::unique_ptr<Consumer> make_consumer(const ConsumerOptions& options) override {
    return make_rd_consumer(options, log_);
  }
  [[nodiscard]] std::unique_ptr<Admin> make_admin(const ClientOptions& options,
                                                  std::stop_token stop) override {
    return make_rd_admin(options, log_, std::move(stop));
  }

 private:
  Log& log_;
};

}  // namespace

std::unique_ptr<ClientFactory> make_client_factory(Log& log) {
  return std::make_unique<RdClientFactory>(log);
}

std::string librdkafka_version() { return rd_kafka_version_str(); }

}  // namespace kexp::kafka

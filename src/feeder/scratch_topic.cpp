#include "scratch_topic.hpp"

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"

namespace kexp::feeder {

ScratchTopic::ScratchTopic(kafka::Admin& admin, Log& log, const std::string& prefix,
                           const std::function<void(const std::string& name)>& create)
    : admin_(admin), log_(log), name_(prefix + secret_text(8)) {
  try {
    create(name_);
  } catch (const kafka::KafkaError& e) {
    if (e.retriable()) {
      remove();
    }
    throw;
  } catch (...) {
    remove();  // Without an answer it may have been made all the same.
    throw;
  }
}

ScratchTopic::~ScratchTopic() { remove(); }

void ScratchTopic::remove() const noexcept {
  const auto warn = [this](const char* why) {
    log_.warn("feed: topic={} could not be deleted, delete it yourself: {}", name_, why);
  };
  try {
    admin_.delete_topic(name_);
  } catch (const kafka::KafkaError& e) {
    if (e.name() != "UNKNOWN_TOPIC_OR_PART") {
      warn(e.what());
    }
  } catch (const std::exception& e) {
    warn(e.what());
  }
}

kafka::Properties scratch_settings() {
  return {{"retention.ms", "600000"}, {"file.delete.delay.ms", "1000"}};
}

}  // namespace kexp::feeder

#include "kexp/core/log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "kexp/core/error.hpp"

namespace kexp {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::unique_ptr<spdlog::formatter> make_formatter() {
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                                                     spdlog::pattern_time_type::utc);
}

// Not in spdlog's registry: nothing global.
class StderrLog final : public Log {
 public:
  explicit StderrLog(LogLevel least)
      : files_(std::make_shared<spdlog::sinks::dist_sink_mt>()),
        logger_("kexp", {std::make_shared<spdlog::sinks::stderr_sink_mt>(), files_}),
        copies_("kexp", files_) {
    for (spdlog::logger* logger : {&logger_, &copies_}) {
      logger->set_formatter(make_formatter());
      logger->set_level(to_spdlog(least));
      logger->flush_on(spdlog::level::trace);
      // A terminal that is gone (EIO) or a full disk must not end a job, nor print about itself.
      logger->set_error_handler([](const std::string&) {});
    }
  }

  void write(LogLevel level, std::string_view line) override {
    logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }
  [[nodiscard]] bool enabled(LogLevel level) const override { return logger_.should_log(to_spdlog(level)); }
  void copy_to(const std::filesystem::path& file) override {
    try {
      auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
      sink->set_formatter(make_formatter());
      files_->add_sink(std::move(sink));
    } catch (const spdlog::spdlog_ex& e) {
      throw FailedError(fmt::format("cannot write {}: {}", file.string(), e.what()));
    }
  }
  void write_to_copies(LogLevel level, std::string_view line) override {
    copies_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  std::shared_ptr<spdlog::sinks::dist_sink_mt> files_;
  spdlog::logger logger_;  // stderr and the files.
  spdlog::logger copies_;  // The files alone.
};

}  // namespace

std::unique_ptr<Log> make_stderr_log(LogLevel least) { return std::make_unique<StderrLog>(least); }

}  // namespace kexp

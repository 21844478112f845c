#pragma once

#include <string>
#include <utility>

#include "kexp/core/progress.hpp"

namespace kexp::cli {

/// Hands a job's events on, with the URL of its /metrics in the one that says that it has started: else
/// nobody knows which port was free.
///
/// Threads: as Progress; the URL is set before the job's other threads begin. Lifetime: `progress` outlives
/// it.
class MetricsUrlProgress final : public Progress {
 public:
  explicit MetricsUrlProgress(Progress& progress, std::string url = "")
      : progress_(progress), url_(std::move(url)) {}

  void set_url(std::string url) { url_ = std::move(url); }

  void report(const ProgressEvent& event) override {
    ProgressEvent told = event;
    if (event.event == "started" && !url_.empty()) {
      told.fields.emplace_back("metrics", url_);
    }
    progress_.report(told);
  }

 private:
  Progress& progress_;
  std::string url_;
};

}  // namespace kexp::cli

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "kexp/core/file.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/record/sends.hpp"

namespace kexp::feeder {

/// sends.csv while it is written: a row for every image whose outcome is known (docs/results.md).
class SendsFile {
 public:
  explicit SendsFile(const std::filesystem::path& file);

  void set_t0(std::int64_t t0_unix_ns) { t0_unix_ns_ = t0_unix_ns; }

  /// What is known of an image; times in ns after t0.
  struct Row {
    std::uint64_t id;
    std::optional<std::int64_t> offset = std::nullopt;
    std::optional<std::int64_t> sent_ns = std::nullopt;
    std::optional<std::int64_t> answered_ns = std::nullopt;
    record::SendStatus status;
  };
  void write(const cycle::PlannedImage& image, const Row& row);
  void flush() { file_.flush(); }

 private:
  AppendFile file_;
  std::int64_t t0_unix_ns_ = 0;
};

}  // namespace kexp::feeder

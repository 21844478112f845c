#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kexp::inference {

/// One `[type]` block of a Darknet cfg with its `key = value` lines.
class CfgSection {
 public:
  CfgSection(std::filesystem::path file, std::string type, int line)
      : file_(std::move(file)), type_(std::move(type)), line_(line) {}

  void add(std::string key, std::string value, int line);

  [[nodiscard]] const std::string& type() const { return type_; }
  /// "yolov3-tiny.cfg:12: ", of the block, or of a key's line where it has one.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::string where(const std::string& key) const;

  [[nodiscard]] bool has(const std::string& key) const { return find(key) != nullptr; }
  /// Errors, of all: ModelError naming `file:line` when the value is no number or lies outside the range.
  [[nodiscard]] int integer(const std::string& key, int fallback, int least, int most) const;
  /// The same of a key that has to be there.
  [[nodiscard]] int integer(const std::string& key, int least, int most) const;
  [[nodiscard]] double number(const std::string& key, double fallback) const;
  [[nodiscard]] std::string text(const std::string& key, const std::string& fallback) const;
  /// Numbers separated by commas; the key has to be there.
  [[nodiscard]] std::vector<int> integers(const std::string& key) const;
  [[nodiscard]] std::vector<double> numbers(const std::string& key) const;

 private:
  struct Entry {
    std::string key;
    std::string value;
    int line;
  };
  [[nodiscard]] const Entry* find(const std::string& key) const;
  [[nodiscard]] const Entry& require(const std::string& key) const;

  std::filesystem::path file_;
  std::string type_;
  int line_;
  std::vector<Entry> entries_;
};

/// The blocks of a cfg, [net] first. Errors: ModelError naming `file:line`.
[[nodiscard]] std::vector<CfgSection> read_darknet_cfg(const std::filesystem::path& file);

}  // namespace kexp::inference

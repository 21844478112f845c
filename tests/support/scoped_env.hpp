#pragma once

#include <optional>
#include <string>

namespace kexp::test {

/// An environment variable that has another value, or none, until the end of the scope.
class ScopedEnv {
 public:
  ScopedEnv(std::string name, const std::optional<std::string>& value);
  ScopedEnv(const ScopedEnv&) = delete;
  ScopedEnv& operator=(const ScopedEnv&) = delete;
  ~ScopedEnv();

 private:
  std::string name_;
  std::optional<std::string> before_;
};

/// The time zone of this process, until the end of the scope; by its rule (`EET-2EEST,M3.5.0/3,M10.5.0/4`),
/// so that no table of zones is needed.
class ScopedZone {
 public:
  explicit ScopedZone(const std::string& rule);
  ScopedZone(const ScopedZone&) = delete;
  ScopedZone& operator=(const ScopedZone&) = delete;
  ~ScopedZone();

 private:
  std::optional<ScopedEnv> variable_;
};

}  // namespace kexp::test

#include "support/scoped_env.hpp"

#include <cstdlib>
#include <ctime>
#include <utility>

namespace kexp::test {

namespace {

void set(const std::string& name, const std::optional<std::string>& value) {
  if (value) {
    setenv(name.c_str(), value->c_str(), 1);
  } else {
    unsetenv(name.c_str());
  }
}

}  // namespace

ScopedEnv::ScopedEnv(std::string name, const std::optional<std::string>& value) : name_(std::move(name)) {
  if (const char* before = std::getenv(name_.c_str())) {
    before_ = before;
  }
  set(name_, value);
}

ScopedEnv::~ScopedEnv() { set(name_, before_); }

ScopedZone::ScopedZone(const std::string& rule) {
  variable_.emplace("TZ", rule);
  tzset();
}

ScopedZone::~ScopedZone() {
  variable_.reset();
  tzset();
}

}  // namespace kexp::test

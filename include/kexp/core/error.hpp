#pragma once

#include <stdexcept>
#include <string>

namespace kexp {

/// What the process tells a script; docs/cli.md says what each means.
enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  unavailable = 3,
  unmet = 4,
  invalid = 5,
  interrupted = 130
};

/// Base of every failure that ends a command; carries the exit code it maps to.
///
/// Messages are lower case without a full stop: the value seen, the value wanted, the cure.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// The user's mistake: names the flag or `file:line`, the value, and what would be right. Nothing
/// was started.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// Started and could not finish: a file that cannot be written, a picture that cannot be decoded.
class FailedError : public Error {
 public:
  explicit FailedError(const std::string& message) : Error(ExitCode::failed, message) {}
};

/// A broker, server or cluster did not answer in time; trying again may help.
class UnavailableError : public Error {
 public:
  explicit UnavailableError(const std::string& message) : Error(ExitCode::unavailable, message) {}
};

/// A job was cut short by a stop request.
class InterruptedError : public Error {
 public:
  explicit InterruptedError(const std::string& message) : Error(ExitCode::interrupted, message) {}
};

}  // namespace kexp

#include "kexp/core/process.hpp"

#include <array>
#include <cassert>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/core/clock.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/units.hpp"

#include "fd.hpp"

extern char** environ;

namespace kexp {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{2};
constexpr int kTickMs = 20;

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe(const std::string& program) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw FailedError(fmt::format("cannot start {}: {}", program, errno_text(errno)));
  }
  // Only our end: a child does not expect a stdout that says EAGAIN.
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {Fd(ends[0]), Fd(ends[1])};
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) {
      sigaddset(&defaults, signal);
    }
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                              POSIX_SPAWN_SETPGROUP));
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// A started program; destroyed before its end, its whole group is killed.
class Child {
 public:
  Child(const std::vector<std::string>& argv, const std::filesystem::path& cwd, int out, int err) {
    std::vector<char*> words;
    for (const std::string& word : argv) {
      words.push_back(const_cast<char*>(word.c_str()));  // posix_spawn does not write to them
    }
    words.push_back(nullptr);
    SpawnActions actions;
    posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions.get(), out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions.get(), err, STDERR_FILENO);
    if (!cwd.empty()) {
      posix_spawn_file_actions_addchdir_np(actions.get(), cwd.c_str());
    }
    SpawnAttributes attributes;
    const int error = posix_spawnp(&pid_, words[0], actions.get(), attributes.get(), words.data(), environ);
    if (error != 0) {
      throw FailedError(
          cwd.empty() ? fmt::format("cannot start {}: {}", argv[0], errno_text(error))
                      : fmt::format("cannot start {} in {}: {}", argv[0], cwd.string(), errno_text(error)));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!exit_code_) {
      kill(-pid_, SIGKILL);
      while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

  /// Its exit code once it has ended.
  std::optional<int> poll_exit() {
    int status = 0;
    if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return exit_code_;
  }
  void signal_group(int signal) const { kill(-pid_, signal); }

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

// Takes what is there; closes the pipe at its end.
void drain(Fd& fd, std::string& text) {
  std::array<char, 16 * 1024> chunk{};
  while (fd) {
    const ssize_t got = read(fd.get(), chunk.data(), chunk.size());
    if (got > 0) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    } else {
      fd.reset();
    }
  }
}

}  // namespace

ProcessResult SystemProcessRunner::run(const std::vector<std::string>& argv, const std::filesystem::path& cwd,
                                       std::chrono::seconds timeout, std::stop_token stop) {
  assert(!argv.empty());
  Pipe out = make_pipe(argv[0]);
  Pipe err = make_pipe(argv[0]);
  Child child(argv, cwd, out.write.get(), err.write.get());
  out.write.reset();
  err.write.reset();

  ProcessResult result;
  const auto collect = [&] {
    drain(out.read, result.out);
    drain(err.read, result.err);
  };
  // Until there is output, the end of it, or a tick.
  const auto wait = [&] {
    std::array<pollfd, 2> fds{{{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}}};  // -1 is skipped
    const bool closed = !out.read && !err.read;  // The end is near: look more often.
    (void)poll(fds.data(), fds.size(), closed ? 1 : kTickMs);
  };

  const auto started = steady_clock::now();
  std::optional<int> ended;
  bool stopped = false;
  for (;;) {
    ended = child.poll_exit();
    collect();  // After the look at the exit: what a program wrote before its end is complete.
    stopped = stop.stop_requested();
    if (ended || stopped || steady_clock::now() - started >= timeout) {
      break;
    }
    wait();
  }
  if (ended) {
    result.exit_code = *ended;
    return result;
  }

  child.signal_group(SIGTERM);
  const auto asked = steady_clock::now();
  while (!child.poll_exit() && steady_clock::now() - asked < kPatience) {
    wait();
    collect();
  }
  child.signal_group(SIGKILL);  // Whatever of the group is left.
  if (stopped) {
    throw InterruptedError(fmt::format("{} was stopped", argv[0]));
  }
  throw FailedError(fmt::format("{} did not end within {}", argv[0], format_duration(timeout)));
}

}  // namespace kexp

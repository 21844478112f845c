// Preloaded into a program, it moves the program's wall clock: the file that KEXP_TEST_WALL_OFFSET names
// holds the nanoseconds that are added, and may change at any time. Clocks that do not step (CLOCK_MONOTONIC)
// stay as they are, as do sleeps on them, which libfaketime refuses when their deadline is absolute.

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

const volatile std::int64_t* map_offset() {
  static const std::int64_t zero = 0;
  const char* const name = std::getenv("KEXP_TEST_WALL_OFFSET");
  const int file = name != nullptr ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) {
    return &zero;
  }
  void* const memory = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? &zero : static_cast<const volatile std::int64_t*>(memory);
}

std::int64_t offset() {
  static const volatile std::int64_t* const shared = map_offset();
  return *shared;
}

timespec moved(const timespec& time, std::int64_t by) {
  const std::int64_t total = time.tv_sec * kSecond + time.tv_nsec + by;
  return {total / kSecond, total % kSecond};
}

int real_clock_gettime(clockid_t clock, timespec* time) {
  using Function = int (*)(clockid_t, timespec*);
  static const auto function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  return function(clock, time);
}

// A deadline on the wall clock is later than 2001; on the steady clock, that would be 31 years after the
// boot.
bool is_wall(const timespec& deadline) { return deadline.tv_sec > 1'000'000'000; }

int wait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* deadline) {
  if (!is_wall(*deadline)) {
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, deadline);
  }
  const timespec real = moved(*deadline, -offset());
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = real_clock_gettime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = moved(*time, offset());
  }
  return result;
}

int gettimeofday(timeval* __restrict time, void* __restrict) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t* __restrict condition, pthread_mutex_t* __restrict mutex,
                           const timespec* __restrict deadline) {
  return wait(condition, mutex, deadline);
}

// glibc's C11 types are its POSIX ones.
int cnd_timedwait(cnd_t* __restrict condition, mtx_t* __restrict mutex, const timespec* __restrict deadline) {
  const int result =
      wait(reinterpret_cast<pthread_cond_t*>(condition), reinterpret_cast<pthread_mutex_t*>(mutex), deadline);
  return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
}

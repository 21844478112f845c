// What pacing must not be: sleeps 1/RATE between one send and the next. Prints how late each was, in ns.
//
//   relative_sleep RATE SECONDS

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  using std::chrono::nanoseconds;
  const double rate = std::atof(argv[1]);
  const auto count = static_cast<long>(rate * std::atof(argv[2]));
  const nanoseconds gap(static_cast<long>(1e9 / rate));
  std::vector<long> late;
  late.reserve(static_cast<std::size_t>(count));
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < count; ++i) {
    late.push_back(nanoseconds(std::chrono::steady_clock::now() - begin - i * gap).count());
    std::this_thread::sleep_for(gap);
  }
  for (const long ns : late) {
    std::printf("%ld\n", ns);
  }
}

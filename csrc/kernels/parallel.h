// All parallelism of gemmule goes through this header, over OpenMP (or serially, where a compiler has none).
#pragma once
#include <atomic>
#include <functional>

#include "common.h"

namespace gemmule {

// The number of threads to use. 0 restores the default: what the process may use.
void set_num_threads(int threads);
int num_threads();
const char* threading_layer();  // "OpenMP" or "serial"

// To be called once, at import: another library may start OpenMP's threads before gemmule does, and a forked child
// would wait for them forever.
void watch_forks();

// Runs body(thread, team size) on `threads` threads, this one included. In a child after fork the team is one thread:
// the others did not survive it.
void run_team(int threads, const std::function<void(int thread, int team)>& body);

// Units [0, total) of thread `thread` out of `team`.
inline int64_t share(int64_t total, int thread, int team) { return total * thread / team; }

// A barrier for a team that meets every few microseconds: spins a little, then lets others run.
class Barrier {
 public:
  void wait(int team);  // every member of the team passes the same size

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> round_{0};
};

// Denormal numbers are slow by a factor of a hundred and mean nothing here: they are zero while kernels run.
// The caller's mode comes back at the end of the scope.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long before_;
};

// Runs a prepared call at once. Work below `serial_ns` stays on this thread.
void run_now(const Kernel& kernel, const Launch& launch, void* const* buffers, double serial_ns);

// Gives back the scratch memory that calls run at once keep for the next one on this thread.
void release_scratch();

// Does the share of one thread of one phase; callers put a barrier behind it.
inline void run_share(const Kernel& kernel, const Launch& launch, void* const* buffers, int phase, int thread, int team,
                      void* shared, void* local) {
  const int64_t total = kernel.units(launch.args, phase);
  const int64_t first = share(total, thread, team), last = share(total, thread + 1, team);
  if (first < last) kernel.run(buffers, launch.args, Units{first, last, phase, shared, local});
}

constexpr double kEagerSerialNs = 60e3;  // a sleeping team takes tens of microseconds to wake
constexpr double kPlanSerialNs = 4e3;    // a spinning one answers in a tenth of a microsecond

}  // namespace gemmule

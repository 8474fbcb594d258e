#include "parallel.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gemmule {

namespace {

std::atomic<int> chosen{0};  // 0: not asked for, use the default
std::atomic<bool> forked{false};

int positive_from_environment(const char* name, bool strict) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (value > 0 && value <= 4096 && (*end == '\0' || (!strict && *end == ','))) return static_cast<int>(value);
  if (strict) throw std::invalid_argument(std::string(name) + " must be a positive integer. Received: '" + text + "'.");
  return 0;
}

int affinity() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// Cores granted by the container: cgroup v2's "quota period", else the two files of v1. 0 when there is no limit.
int container_quota() {
  double quota = -1, period = 0;
  std::string first;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> first >> period) {
    if (first != "max") quota = std::atof(first.c_str());
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(quota / period)) : 0;
}

int default_threads() {
  if (const int own = positive_from_environment("GEMMULE_NUM_THREADS", true)) return own;
  int threads = affinity();
  for (const int limit : {container_quota(), positive_from_environment("OMP_NUM_THREADS", false)})
    if (limit > 0) threads = std::min(threads, limit);
  return threads;
}

constexpr int64_t kHugePage = int64_t{2} << 20;

// Scratch for eager calls grows to the largest call of the thread and stays.
class Scratch {
 public:
  void* reserve(int64_t bytes) {
    if (bytes <= size_) return block_.get();
    const int64_t page = bytes >= kHugePage ? kHugePage : 4096;
    size_ = (bytes + page - 1) / page * page;
    block_.reset(std::aligned_alloc(page, size_));
    if (!block_) {
      size_ = 0;
      throw std::bad_alloc();
    }
#if defined(__linux__)
    if (page == kHugePage) madvise(block_.get(), size_, MADV_HUGEPAGE);  // packed matrices walk over many pages
#endif
    return block_.get();
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> block_;
  int64_t size_ = 0;
};

// Where the threads of a team run. Systems may wake two of them on one core and leave them there while another core
// idles: they alternate, neither ever waits long enough to be moved, and every barrier costs a time slice. The one that
// comes second moves away.
class Places {
 public:
  void enter(int team) {
#if defined(__linux__)
    const int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE) return;
    if (!taken_[cpu].exchange(true, std::memory_order_relaxed)) return;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < team) return;
    cpu_set_t free = allowed;
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (taken_[i].load(std::memory_order_relaxed)) CPU_CLR(i, &free);
    if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof(free), &free) != 0) return;
    sched_setaffinity(0, sizeof(allowed), &allowed);  // only to move, not to stay
    if (const int now = sched_getcpu(); now >= 0) taken_[now].store(true, std::memory_order_relaxed);
#else
    static_cast<void>(team);
#endif
  }

 private:
#if defined(__linux__)
  std::atomic<bool> taken_[CPU_SETSIZE] = {};
#endif
};

thread_local Scratch scratch;

constexpr int kSpins = 4000;  // some 50 microseconds

}  // namespace

void release_scratch() { scratch = Scratch(); }

void set_num_threads(int threads) { chosen = threads; }

int num_threads() {
  if (const int threads = chosen) return threads;
  static const int fallback = default_threads();
  return fallback;
}

void watch_forks() {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif
}

const char* threading_layer() {
#ifdef _OPENMP
  return "OpenMP";
#else
  return "serial";
#endif
}

void run_team(int threads, const std::function<void(int, int)>& body) {
#ifdef _OPENMP
  if (threads > 1 && !forked) {
    Places places;
#pragma omp parallel num_threads(threads)
    {
      FlushDenormals mode;
      places.enter(omp_get_num_threads());
      body(omp_get_thread_num(), omp_get_num_threads());
    }
    return;
  }
#endif
  FlushDenormals mode;
  body(0, 1);
}

void Barrier::wait(int team) {
  if (team == 1) return;
  const int round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == team - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
    return;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
    if (spins < kSpins) {
#if defined(__x86_64__)
      _mm_pause();
#endif
    } else {
      round_.wait(round, std::memory_order_acquire);  // perhaps the others have no core: sleeping lends them this one
    }
  }
}

#if defined(__x86_64__)
FlushDenormals::FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(static_cast<unsigned>(before_) | 0x8040); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(static_cast<unsigned>(before_)); }
#else
FlushDenormals::FlushDenormals() : before_(0) {}
FlushDenormals::~FlushDenormals() = default;
#endif

void run_now(const Kernel& kernel, const Launch& launch, void* const* buffers, double serial_ns) {
  const int threads = launch.cost < serial_ns ? 1 : num_threads();
  if (threads == 1) {
    FlushDenormals mode;
    char* memory = static_cast<char*>(scratch.reserve(launch.shared_bytes + launch.local_bytes + 64));
    char* local = memory + (launch.shared_bytes + 63) / 64 * 64;
    for (int phase = 0; phase < launch.phases; ++phase) run_share(kernel, launch, buffers, phase, 0, 1, memory, local);
    return;
  }
  const int64_t shared_bytes = (launch.shared_bytes + 63) / 64 * 64;
  const int64_t local_bytes = (launch.local_bytes + 127) / 64 * 64;
  char* memory = static_cast<char*>(scratch.reserve(shared_bytes + threads * local_bytes));
  Barrier barrier;
  run_team(threads, [&](int thread, int team) {
    for (int phase = 0; phase < launch.phases; ++phase) {
      run_share(kernel, launch, buffers, phase, thread, team, memory, memory + shared_bytes + thread * local_bytes);
      barrier.wait(team);
    }
  });
}

}  // namespace gemmule

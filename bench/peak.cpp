// What this machine can do at best: fused multiply-adds from registers, and copies at several sizes.
// Built and run by bench/machine.py with -O3 -march=native; prints JSON.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float Vec __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 4;
constexpr int kChains = 12;  // latency 4 on 2 ports needs 8 chains in flight

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// One thread's multiply-adds; the result is stored so that the compiler keeps the work.
static void multiply_add(int64_t rounds, float* sink) {
  Vec sums[kChains];
  for (int c = 0; c < kChains; ++c) sums[c] = Vec{} + static_cast<float>(c);  // equal chains would be merged
  Vec factor{};
  factor += 0.999f;
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sums[c] = sums[c] * factor + factor;
  }
  Vec total{};
  for (const Vec& sum : sums) total += sum;
  *sink = total[0];
}

template <class Work>
static double seconds_on(int threads, Work work) {
  std::vector<std::thread> others;
  const double start = now();
  for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
  work(0);
  for (std::thread& other : others) other.join();
  return now() - start;
}

static double best_gflops(int threads) {
  constexpr int64_t kRounds = 20'000'000;
  std::vector<float> sinks(threads * 64);
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double seconds = seconds_on(threads, [&](int t) { multiply_add(kRounds, &sinks[t * 64]); });
    const double gflops = 2e-9 * kLanes * kChains * kRounds * threads / seconds;
    if (gflops > best) best = gflops;
  }
  return best;
}

using Block = std::unique_ptr<char, decltype(&std::free)>;

static Block block(int64_t bytes) {
  constexpr int64_t kPage = 4096;
  char* const memory = static_cast<char*>(std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage));
  std::memset(memory, 1, bytes);
  return Block(memory, &std::free);
}

// Reads and writes count; `bytes` is the source and the copy of all threads together. Both begin on a page, like the
// arrays of a recorded step begin on a cache line.
static double best_copy(int threads, int64_t bytes) {
  const int64_t each = bytes / 2 / threads;
  std::vector<Block> from, to;
  for (int t = 0; t < threads; ++t) {
    from.push_back(block(each));
    to.push_back(block(each));
  }
  const int64_t rounds = 1 + (1LL << 29) / bytes;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double seconds = seconds_on(threads, [&](int t) {
      for (int64_t r = 0; r < rounds; ++r) {
        std::memcpy(to[t].get(), from[t].get(), each);
        asm volatile("" ::: "memory");
      }
    });
    const double gigabytes = 1e-9 * 2 * each * threads * rounds / seconds;
    if (gigabytes > best) best = gigabytes;
  }
  return best;
}

int main(int, char** arguments) {
  const int threads = std::atoi(arguments[1]);
  std::printf("{\"gflops_1\": %.1f, \"gflops\": %.1f, \"copy\": {", best_gflops(1), best_gflops(threads));
  const char* separator = "";
  for (int64_t bytes = 1 << 16; bytes <= 1 << 28; bytes <<= 1) {
    std::printf("%s\"%lld\": %.1f", separator, static_cast<long long>(bytes), best_copy(threads, bytes));
    separator = ", ";
  }
  std::printf("}}\n");
}

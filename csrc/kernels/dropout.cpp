// Dropout: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014), "inverted":
// what is kept is scaled up in training, so that inference needs nothing.
#include "families.h"
#include "random.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunk = 2048;

struct DropoutArgs {
  int64_t size;
};

double keep_scale(double rate) { return 1 / (1 - rate); }

// y, mask (n) | x (n), rate (), key (3). An element is kept where its uniform number is >= rate. The number has 24
// bits, in float64 as well, so that both dtypes drop the same elements.
template <class T>
struct DropoutForward {
  using Args = DropoutArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return 0.4 * static_cast<double>(args.size); }

  static void run(T* y, uint8_t* mask, const T* x, const double* rate, const uint64_t* key, const Args& args,
                  const Units& u) {
    // word >> 8 is k in u = k * 2^-24, and u >= rate is k >= ceil(rate * 2^24).
    const int32_t threshold = static_cast<int32_t>(__builtin_ceil(*rate * 0x1p24));
    const T scale = static_cast<T>(keep_scale(*rate));
    for_each_word<1>(key, covered(u, kChunk, args.size), [=](const uint32_t* words, int64_t begin, int64_t end) {
      drop(y + begin, mask + begin, x + begin, words, end - begin, threshold, scale);
    });
  }

  static GEMMULE_INLINE void drop(T* __restrict y, uint8_t* __restrict mask, const T* __restrict x,
                                  const uint32_t* __restrict words, int64_t n, int32_t threshold, T scale) {
    for (int64_t i = 0; i < n; ++i) mask[i] = static_cast<int32_t>(words[i] >> 8) >= threshold;
    for (int64_t i = 0; i < n; ++i) {
      const T kept = x[i] * scale;
      y[i] = static_cast<int32_t>(words[i] >> 8) >= threshold ? kept : T{0};
    }
  }
};

// dx (n) | dy (n), mask (n), rate ()
template <class T>
struct DropoutBackward {
  using Args = DropoutArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return cost_ns(0, static_cast<double>(args.size) * (2 * sizeof(T) + 1)); }

  static void run(T* __restrict dx, const T* __restrict dy, const uint8_t* __restrict mask, const double* rate,
                  const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    const T scale = static_cast<T>(keep_scale(*rate));
    for (int64_t i = range.begin; i < range.end; ++i) {
      const T kept = dy[i] * scale;
      dx[i] = mask[i] ? kept : T{0};
    }
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<DropoutForward<T>>("dropout_forward", dtype);
  table.add<DropoutBackward<T>>("dropout_backward", dtype);
}

}  // namespace

void register_dropout(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

// The order of elements along the last axis.
#include "families.h"
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kRun = 8;  // elements sorted by insertion before merging begins

// An element as an integer with the same order, and where it stands.
struct Ranked {
  int64_t key;
  int64_t index;
};

// Bits of a float in the order of its values: those of negative ones count backwards.
template <class I>
GEMMULE_INLINE int64_t ordered(I bits) {
  constexpr I kMost = static_cast<I>(~(I{1} << (8 * sizeof(I) - 1)));
  return bits < 0 ? bits ^ kMost : bits;
}

// NaN is greater than everything; both zeros are equal.
template <class T, class I>
int64_t key_of_float(const void* row, int64_t i) {
  const T x = static_cast<const T*>(row)[i];
  if (x != x) return INT64_MAX;
  return x == 0 ? 0 : ordered(static_cast<const I*>(row)[i]);
}

template <class T>
int64_t key_of_integer(const void* row, int64_t i) {
  return static_cast<const T*>(row)[i];
}

using KeyFunction = int64_t (*)(const void* row, int64_t i);

KeyFunction key_function(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return key_of_float<float, int32_t>;
    case DType::float64:
      return key_of_float<double, int64_t>;
    case DType::int32:
      return key_of_integer<int32_t>;
    case DType::int64:
      return key_of_integer<int64_t>;
    default:
      return key_of_integer<uint8_t>;
  }
}

void insertion_sort(Ranked* a, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Ranked entry = a[i];
    int64_t at = i;
    for (; at > 0 && a[at - 1].key > entry.key; --at) a[at] = a[at - 1];
    a[at] = entry;
  }
}

// out = a (n) and b (m), each sorted, in one order; of equals those of a come first
void merge(Ranked* out, const Ranked* a, int64_t n, const Ranked* b, int64_t m) {
  while (n && m) {
    const bool first = a->key <= b->key;
    *out++ = *(first ? a : b);
    a += first;
    n -= first;
    b += !first;
    m -= !first;
  }
  __builtin_memcpy(out, n ? a : b, (n + m) * sizeof(Ranked));
}

// Sorts `a`; returns whichever of the two arrays holds the result.
Ranked* merge_sort(Ranked* a, Ranked* other, int64_t n) {
  for (int64_t i = 0; i < n; i += kRun) insertion_sort(a + i, min(kRun, n - i));
  for (int64_t width = kRun; width < n; width *= 2) {
    for (int64_t i = 0; i < n; i += 2 * width) {
      const int64_t first = min(width, n - i), second = min(width, n - i - first);
      merge(other + i, a + i, first, a + i + first, second);
    }
    Ranked* const sorted = other;
    other = a;
    a = sorted;
  }
  return a;
}

// order (rows, n), int32: where the smallest (descending: greatest) element of each row of x stands, the next, ...;
// equals in the order in which they stand.
struct ArgSort {
  struct Args {
    int64_t rows, n, bytes, descending;
    KeyFunction key;
  };

  static Args prepare(const Call& call) {
    const int64_t n = call.dim(1, -1);
    const DType dtype = call.dtype(1);
    const int64_t bytes = dtype == DType::uint8 || dtype == DType::bool_     ? 1
                          : dtype == DType::float32 || dtype == DType::int32 ? 4
                                                                             : 8;
    return {n ? call.size(1) / n : 0, n, bytes, call.flag("descending"), key_function(dtype)};
  }
  static int64_t units(const Args& args) { return args.rows; }
  static int64_t local_bytes(const Args& args) { return 2 * args.n * static_cast<int64_t>(sizeof(Ranked)); }
  static double cost(const Args& args) {
    const double passes = 64 - __builtin_clzll(args.n | 1);
    return static_cast<double>(args.rows * args.n) * (5 + 3 * passes);
  }

  static void run(int32_t* order, const unsigned char* x, const Args& args, const Units& u) {
    Ranked* const entries = static_cast<Ranked*>(u.local);
    const int64_t flip = args.descending ? -1 : 0;
    for (int64_t row = u.first; row < u.last; ++row) {
      for (int64_t i = 0; i < args.n; ++i) entries[i] = {args.key(x + row * args.n * args.bytes, i) ^ flip, i};
      const Ranked* sorted = merge_sort(entries, entries + args.n, args.n);
      for (int64_t i = 0; i < args.n; ++i) order[row * args.n + i] = static_cast<int32_t>(sorted[i].index);
    }
  }
};

}  // namespace

void register_sort(Table& table) { add_any<ArgSort>(table, "argsort"); }

}  // namespace gemmule::GEMMULE_ISA

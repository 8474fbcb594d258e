// Rows by index: batches out of a data set, embeddings and their gradients, one-hot rows.
#include "families.h"
#include "reshaping.h"
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kUnitBytes = 8192;

// Indices are int32 or int64.
struct IndexArray {
  const void* data;
  bool wide;

  GEMMULE_INLINE int64_t operator[](int64_t i) const {
    return wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  }
};

// Shuffled rows of a large array come from DRAM, and the hardware's prefetcher sees a row only after its first misses.
GEMMULE_INLINE void prefetch(const unsigned char* row, int64_t bytes) {
  constexpr int64_t kLine = 64, kMost = 4096;
  for (int64_t at = 0; at < min(bytes, kMost); at += kLine) __builtin_prefetch(row + at);
}

// What stands where an index points outside: NaN for floating dtypes, 0 for the others.
void fill_missing(unsigned char* out, int64_t n, DType dtype) {
  if (dtype == DType::float32)
    for (int64_t i = 0; i < n; ++i) reinterpret_cast<float*>(out)[i] = __builtin_nanf("");
  else if (dtype == DType::float64)
    for (int64_t i = 0; i < n; ++i) reinterpret_cast<double*>(out)[i] = __builtin_nan("");
  else
    __builtin_memset(out, 0, n * element_bytes(dtype));
}

// out (B, row), src (n, row), indices (count), cursor (1)?: out[r] = cast(src[indices[cursor + r]])
struct Gather {
  static constexpr int64_t kAhead = 2;  // rows prefetched before their turn
  struct Args {
    int64_t rows, row, src_rows, count;
    int64_t out_bytes, src_bytes, unit_rows;
    Cast cast;
    DType out_dtype;
  };

  static Args prepare(const Call& call) {
    const DType to = call.dtype(0), from = call.dtype(1);
    const int64_t rows = call.dim(0, 0), row = rows == 0 ? 0 : call.size(0) / rows;
    const int64_t unit_rows = max(1, kUnitBytes / max(1, row * element_bytes(to)));
    return {rows,
            row,
            call.dim(1, 0),
            call.size(2),
            element_bytes(to),
            element_bytes(from),
            unit_rows,
            cast_between(to, from),
            to};
  }
  static int64_t units(const Args& args) { return ceil_div(args.rows, args.unit_rows); }
  static double cost(const Args& args) {
    return cost_ns(0, 2.0 * static_cast<double>(args.rows * args.row * (args.out_bytes + args.src_bytes)));
  }

  static void run(unsigned char* out, const unsigned char* src, const int64_t* indices, const int64_t* cursor,
                  const Args& args, const Units& u) {
    const Range rows = covered(u, args.unit_rows, args.rows);
    const int64_t first = cursor ? *cursor : 0, row_bytes = args.row * args.src_bytes;
    const auto source = [&](int64_t r) -> const unsigned char* {
      const int64_t at = first + r;
      const int64_t index = at >= 0 && at < args.count ? indices[at] : -1;
      return index >= 0 && index < args.src_rows ? src + index * row_bytes : nullptr;
    };
    for (int64_t r = rows.begin; r < min(rows.begin + kAhead, rows.end); ++r)
      if (const unsigned char* row = source(r)) prefetch(row, row_bytes);
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      if (r + kAhead < rows.end)
        if (const unsigned char* row = source(r + kAhead)) prefetch(row, row_bytes);
      unsigned char* to = out + r * args.row * args.out_bytes;
      if (const unsigned char* row = source(r))
        args.cast(to, row, args.row);
      else
        fill_missing(to, args.row, args.out_dtype);
    }
  }
};

// x (outer, n, inner), indices (m), out (outer, m, inner)
struct TakeArgs {
  int64_t outer, n, inner, m;
  int64_t bytes, wide;
  DType dtype;

  IndexArray indices(const void* data) const { return {data, wide != 0}; }

  // The entry an index means; negative ones count from the end. -1 when there is none.
  GEMMULE_INLINE int64_t entry(int64_t index) const {
    const int64_t at = index < 0 ? index + n : index;
    return at >= 0 && at < n ? at : -1;
  }
};

TakeArgs prepare_take(const Call& call, int whole, int part, int indices) {
  const int axis = static_cast<int>(call.integer("axis"));
  const int64_t outer = call.leading(whole, axis), n = call.dim(whole, axis), m = call.size(indices);
  const int64_t inner =
      call.size(whole) == 0 ? (m * outer == 0 ? 0 : call.size(part) / (m * outer)) : call.size(whole) / (outer * n);
  const DType dtype = call.dtype(whole);
  return {outer, n, inner, m, element_bytes(dtype), call.dtype(indices) == DType::int64, dtype};
}

struct Take {
  static constexpr int64_t kAhead = 4;
  using Args = TakeArgs;

  static Args prepare(const Call& call) { return prepare_take(call, 1, 0, 2); }
  static int64_t unit_rows(const Args& args) { return max(1, kUnitBytes / max(1, args.inner * args.bytes)); }
  static int64_t units(const Args& args) { return ceil_div(args.outer * args.m, unit_rows(args)); }
  static double cost(const Args& args) {
    return static_cast<double>(args.outer * args.m) *
           (2 + cost_ns(0, 2.0 * static_cast<double>(args.inner * args.bytes)));
  }

  static void run(unsigned char* out, const unsigned char* x, const void* indices, const Args& args, const Units& u) {
    const Range rows = covered(u, unit_rows(args), args.outer * args.m);
    if (args.inner == 1 && args.bytes == 4)
      single<uint32_t>(reinterpret_cast<uint32_t*>(out), reinterpret_cast<const uint32_t*>(x), indices, args, rows);
    else
      whole_rows(out, x, args.indices(indices), args, rows);
  }

  static void whole_rows(unsigned char* out, const unsigned char* x, IndexArray indices, const Args& args, Range rows) {
    const int64_t row_bytes = args.inner * args.bytes;
    int64_t o = rows.begin / args.m, i = rows.begin % args.m;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      if (i + kAhead < args.m)
        if (const int64_t next = args.entry(indices[i + kAhead]); next >= 0)
          prefetch(x + (o * args.n + next) * row_bytes, row_bytes);
      const int64_t at = args.entry(indices[i]);
      if (at >= 0)
        __builtin_memcpy(out + r * row_bytes, x + (o * args.n + at) * row_bytes, row_bytes);
      else
        fill_missing(out + r * row_bytes, args.inner, args.dtype);
      if (++i == args.m) i = 0, ++o;
    }
  }

  // Rows of one element, the case where a call to memcpy would cost more than the work.
  template <class E>
  static void single(E* out, const E* x, const void* data, const Args& args, Range rows) {
    const IndexArray indices = args.indices(data);
    int64_t o = rows.begin / args.m, i = rows.begin % args.m;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const int64_t at = args.entry(indices[i]);
      if (at >= 0)
        out[r] = x[o * args.n + at];
      else
        fill_missing(reinterpret_cast<unsigned char*>(out + r), 1, args.dtype);
      if (++i == args.m) i = 0, ++o;
    }
  }
};

// dx (outer, n, inner) += dy (outer, m, inner) at the indices, in their order. A unit owns a range of dx's rows and
// reads all indices: sums are never divided, and no two units write the same row.
template <class T>
struct TakeBackward {
  static constexpr int64_t kParts = 8;
  using Args = TakeArgs;

  static Args prepare(const Call& call) { return prepare_take(call, 0, 1, 2); }
  static int64_t part_rows(const Args& args) {
    return max(ceil_div(args.n, kParts), max(1, kUnitBytes / max(1, args.inner * args.bytes)));
  }
  static int64_t parts(const Args& args) { return ceil_div(args.n, part_rows(args)); }
  static int64_t units(const Args& args) { return args.outer * parts(args); }
  static double cost(const Args& args) {
    const double moved = static_cast<double>((args.n + 3 * args.m) * args.inner) * sizeof(T);
    return static_cast<double>(args.outer) * (cost_ns(0, moved) + 3.0 * static_cast<double>(args.m));
  }

  static void run(T* dx, const T* dy, const void* data, const Args& args, const Units& u) {
    const IndexArray indices = args.indices(data);
    const int64_t rows = part_rows(args);
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t o = unit / parts(args), begin = unit % parts(args) * rows, end = min(begin + rows, args.n);
      T* block = dx + o * args.n * args.inner;
      __builtin_memset(block + begin * args.inner, 0, (end - begin) * args.inner * sizeof(T));
      for (int64_t i = 0; i < args.m; ++i) {
        const int64_t at = args.entry(indices[i]);
        if (at >= begin && at < end) add_row(block + at * args.inner, dy + (o * args.m + i) * args.inner, args.inner);
      }
    }
  }

  static void add_row(T* to, const T* x, int64_t n) {
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) store<T>(to + i, load(to + i) + load(x + i));
    if (i < n) store_partial<T>(to + i, load_partial(to + i, n - i) + load_partial(x + i, n - i), n - i);
  }
};

// out (m, depth): row i is 1 at indices[i], zero elsewhere and everywhere when the index is not in [0, depth)
struct OneHot {
  struct Args {
    int64_t m, depth, bytes, wide;
    uint64_t one;  // the bytes of a 1 of out's dtype
  };

  static Args prepare(const Call& call) {
    const DType dtype = call.dtype(0);
    Args args{call.size(1), call.dim(0, -1), element_bytes(dtype), call.dtype(1) == DType::int64, 0};
    const int64_t one = 1;
    cast_between(dtype, DType::int64)(&args.one, &one, 1);
    return args;
  }
  static int64_t unit_rows(const Args& args) { return max(1, kUnitBytes / max(1, args.depth * args.bytes)); }
  static int64_t units(const Args& args) { return ceil_div(args.m, unit_rows(args)); }
  static double cost(const Args& args) {
    return static_cast<double>(args.m) * (2 + cost_ns(0, static_cast<double>(args.depth * args.bytes)));
  }

  static void run(unsigned char* out, const void* data, const Args& args, const Units& u) {
    const IndexArray indices{data, args.wide != 0};
    const Range rows = covered(u, unit_rows(args), args.m);
    const int64_t row_bytes = args.depth * args.bytes;
    __builtin_memset(out + rows.begin * row_bytes, 0, (rows.end - rows.begin) * row_bytes);
    for (int64_t i = rows.begin; i < rows.end; ++i)
      if (const int64_t at = indices[i]; at >= 0 && at < args.depth)
        __builtin_memcpy(out + i * row_bytes + at * args.bytes, &args.one, args.bytes);
  }
};

// x and out (n, row), indices (m), updates (m, row): out = x, but updates[i] in row indices[i]; of equal indices the
// last one counts, indices outside do nothing.
struct Put {
  struct Args {
    TakeArgs rows;
    int64_t bytes;
  };

  static Args prepare(const Call& call) {
    const DType dtype = call.dtype(0);
    const int64_t n = call.dim(0, 0), bytes = element_bytes(dtype);
    const int64_t inner = n ? call.size(0) / n : 0;
    return {{1, n, inner, call.size(2), bytes, call.dtype(2) == DType::int64, dtype}, call.size(0) * bytes};
  }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) {
    const double updated = static_cast<double>(args.rows.m) * static_cast<double>(args.rows.inner * args.rows.bytes);
    return cost_ns(0, 2 * (static_cast<double>(args.bytes) + updated)) + 3.0 * static_cast<double>(args.rows.m);
  }

  static void run(unsigned char* out, const unsigned char* x, const void* data, const unsigned char* updates,
                  const Args& args, const Units& u) {
    if (u.first == u.last) return;
    const IndexArray indices = args.rows.indices(data);
    const int64_t row_bytes = args.rows.inner * args.rows.bytes;
    __builtin_memcpy(out, x, args.bytes);
    for (int64_t i = 0; i < args.rows.m; ++i)
      if (const int64_t at = args.rows.entry(indices[i]); at >= 0)
        __builtin_memcpy(out + at * row_bytes, updates + i * row_bytes, row_bytes);
  }
};

}  // namespace

void register_gather(Table& table) {
  add_any<Gather>(table, "gather");
  add_any<Take>(table, "take");
  for_floating_types([&]<class T>(DType dtype) { table.add<TakeBackward<T>>("take_backward", dtype); });
  add_any<OneHot>(table, "one_hot");
  add_any<Put>(table, "put");
}

}  // namespace gemmule::GEMMULE_ISA

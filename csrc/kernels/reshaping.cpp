// Moving elements about without computing: copies and casts, transposes, slices, concatenation. Written for elements of
// 1, 4 and 8 bytes, whatever they mean.
#include "reshaping.h"

#include "families.h"
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int kMaxRank = 8;
constexpr int64_t kChunk = 4096;  // elements a unit

// ---- Casts ----------------------------------------------------------------------------------------------------------

struct Bool {};  // asked for as a target; as a source, a bool is a byte of 0 or 1

template <class To>
struct Limits {
  static constexpr int kBits = sizeof(To) * 8 - (static_cast<To>(-1) < To{0} ? 1 : 0);
  static constexpr To highest = static_cast<To>(~uint64_t{0} >> (64 - kBits));
  static constexpr To lowest = static_cast<To>(-1) < To{0} ? static_cast<To>(-highest - 1) : To{0};
  static constexpr double beyond = 2.0 * static_cast<double>(uint64_t{1} << (kBits - 1));  // 2^bits, exact in any float
};

template <class T>
constexpr bool kFloating = std::is_floating_point_v<T>;

template <class To, class From>
GEMMULE_INLINE To convert(From x) {
  if constexpr (kFloating<From> && !kFloating<To>) {
    constexpr From beyond = static_cast<From>(Limits<To>::beyond), lowest = static_cast<From>(Limits<To>::lowest);
    if (x != x) return 0;
    return x >= beyond ? Limits<To>::highest : x <= lowest ? Limits<To>::lowest : static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void cast_elements(void* __restrict out, const void* __restrict x, int64_t n) {
  const From* from = static_cast<const From*>(x);
  if constexpr (std::is_same_v<To, Bool>) {
    uint8_t* to = static_cast<uint8_t*>(out);
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] != From{0};
  } else if constexpr (std::is_same_v<To, From>) {
    __builtin_memcpy(out, x, n * sizeof(To));
  } else {
    To* to = static_cast<To*>(out);
    for (int64_t i = 0; i < n; ++i) to[i] = convert<To>(from[i]);
  }
}

template <class To>
Cast cast_to(DType from) {
  switch (from) {
    case DType::float32:
      return &cast_elements<To, float>;
    case DType::float64:
      return &cast_elements<To, double>;
    case DType::int32:
      return &cast_elements<To, int32_t>;
    case DType::int64:
      return &cast_elements<To, int64_t>;
    case DType::uint32:
      return &cast_elements<To, uint32_t>;
    case DType::uint64:
      return &cast_elements<To, uint64_t>;
    case DType::bool_:
      if (std::is_same_v<To, Bool>) return &cast_elements<uint8_t, uint8_t>;
      [[fallthrough]];
    case DType::uint8:
      return &cast_elements<To, uint8_t>;
  }
  return nullptr;
}

}  // namespace

Cast cast_between(DType to, DType from) {
  switch (to) {
    case DType::float32:
      return cast_to<float>(from);
    case DType::float64:
      return cast_to<double>(from);
    case DType::int32:
      return cast_to<int32_t>(from);
    case DType::int64:
      return cast_to<int64_t>(from);
    case DType::uint32:
      return cast_to<uint32_t>(from);
    case DType::uint64:
      return cast_to<uint64_t>(from);
    case DType::uint8:
      return cast_to<uint8_t>(from);
    case DType::bool_:
      return cast_to<Bool>(from);
  }
  return nullptr;
}

namespace {

// out = x, any dtype to any dtype, element by element in memory order.
struct Copy {
  struct Args {
    int64_t size, out_bytes, x_bytes;
    Cast cast;
  };

  static Args prepare(const Call& call) {
    const DType to = call.dtype(0), from = call.dtype(1);
    return {call.size(0), element_bytes(to), element_bytes(from), cast_between(to, from)};
  }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) {
    return cost_ns(0, static_cast<double>(args.size * (args.out_bytes + args.x_bytes)));
  }
  static void run(unsigned char* out, const unsigned char* x, const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    args.cast(out + range.begin * args.out_bytes, x + range.begin * args.x_bytes, range.end - range.begin);
  }
};

// ---- Strided copies -------------------------------------------------------------------------------------------------

// An index space and the strides, in elements, with which it walks through two arrays.
struct Strided {
  int64_t rank;
  int64_t shape[kMaxRank], out[kMaxRank], x[kMaxRank];

  void add(int64_t size, int64_t out_stride, int64_t x_stride) {
    if (size == 1) return;
    shape[rank] = size;
    out[rank] = out_stride;
    x[rank++] = x_stride;
    // Two axes that both arrays walk as one are one: that is how runs for memcpy are found.
    if (rank < 2) return;
    const int64_t outer = rank - 2;
    if (out[outer] != size * out_stride || x[outer] != size * x_stride) return;
    shape[outer] *= size;
    out[outer] = out_stride;
    x[outer] = x_stride;
    --rank;
  }

  // Gives a single element an axis as well: the loops below want one.
  void finish() {
    if (rank == 0) shape[0] = out[0] = x[0] = 1, rank = 1;
  }

  int64_t size() const {
    int64_t product = 1;
    for (int64_t axis = 0; axis < rank; ++axis) product *= shape[axis];
    return product;
  }
};

template <class E>
GEMMULE_INLINE void copy_run(E* out, int64_t out_stride, const E* x, int64_t x_stride, int64_t n) {
  if (out_stride == 1 && x_stride == 1) {
    __builtin_memcpy(out, x, n * sizeof(E));
  } else if (out_stride == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = x[i * x_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = x[i * x_stride];
  }
}

// Copies the elements [range.begin, range.end) of the index space, counted with the last axis fastest.
template <class E>
void copy_strided(E* out, const E* x, const Strided& s, Range range) {
  const int64_t last = s.rank - 1;
  int64_t at[kMaxRank];
  int64_t rest = range.begin;
  for (int64_t axis = last; axis >= 0; --axis) {
    at[axis] = rest % s.shape[axis];
    rest /= s.shape[axis];
    out += at[axis] * s.out[axis];
    x += at[axis] * s.x[axis];
  }
  for (int64_t i = range.begin; i < range.end;) {
    const int64_t n = min(s.shape[last] - at[last], range.end - i);
    copy_run(out, s.out[last], x, s.x[last], n);
    i += n;
    out += n * s.out[last];
    x += n * s.x[last];
    at[last] += n;
    for (int64_t axis = last; axis > 0 && at[axis] == s.shape[axis]; --axis) {
      out += s.out[axis - 1] - s.shape[axis] * s.out[axis];
      x += s.x[axis - 1] - s.shape[axis] * s.x[axis];
      at[axis] = 0;
      ++at[axis - 1];
    }
  }
}

// Calls body with a null pointer to the unsigned type of that many bytes.
template <class Body>
GEMMULE_INLINE void with_element(int64_t bytes, const Body& body) {
  if (bytes == 1)
    body(static_cast<uint8_t*>(nullptr));
  else if (bytes == 4)
    body(static_cast<uint32_t*>(nullptr));
  else
    body(static_cast<uint64_t*>(nullptr));
}

void copy_strided(void* out, int64_t out_offset, const void* x, int64_t x_offset, const Strided& s, Range range,
                  int64_t bytes) {
  with_element(bytes, [&](auto* element) {
    using E = std::remove_pointer_t<decltype(element)>;
    copy_strided(static_cast<E*>(out) + out_offset, static_cast<const E*>(x) + x_offset, s, range);
  });
}

struct StridedArgs {
  Strided strided;
  int64_t size, bytes, offset;
};

double strided_cost(const StridedArgs& args) {
  const Strided& s = args.strided;
  const bool runs = s.out[s.rank - 1] == 1 && s.x[s.rank - 1] == 1;
  return static_cast<double>(args.size) * (runs ? static_cast<double>(args.bytes) / 8 : 1);
}

// Fills `strides` with those of a C-contiguous array.
void contiguous_strides(const Call& call, int operand, int64_t* strides) {
  int64_t stride = 1;
  for (int axis = call.rank(operand) - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= call.dim(operand, axis);
  }
}

// ---- Slices ---------------------------------------------------------------------------------------------------------

// The index space of a slice: `whole` walks with start and step, `part` is dense.
StridedArgs prepare_slice(const Call& call, int whole, int part) {
  int64_t start[kMaxRank], step[kMaxRank], dense[kMaxRank], wide[kMaxRank];
  const int rank = call.integers("start", start, kMaxRank);
  call.integers("step", step, kMaxRank);
  contiguous_strides(call, whole, wide);
  contiguous_strides(call, part, dense);
  StridedArgs args{{}, call.size(part), element_bytes(call.dtype(whole)), 0};
  for (int axis = 0; axis < rank; ++axis) {
    args.offset += start[axis] * wide[axis];
    args.strided.add(call.dim(part, axis), dense[axis], step[axis] * wide[axis]);
  }
  args.strided.finish();
  return args;
}

struct Slice {
  using Args = StridedArgs;

  static Args prepare(const Call& call) { return prepare_slice(call, 1, 0); }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return strided_cost(args); }
  static void run(void* out, const void* x, const Args& args, const Units& u) {
    copy_strided(out, 0, x, args.offset, args.strided, covered(u, kChunk, args.size), args.bytes);
  }
};

// dx is zero except where the slice took its elements: one phase clears, the next writes.
struct SliceBackward {
  struct Args {
    StridedArgs slice;
    int64_t whole;
  };

  static Args prepare(const Call& call) {
    Args args{prepare_slice(call, 0, 1), call.size(0)};
    Strided& s = args.slice.strided;
    for (int64_t axis = 0; axis < s.rank; ++axis) {
      const int64_t dense = s.out[axis];
      s.out[axis] = s.x[axis];
      s.x[axis] = dense;
    }
    return args;
  }
  static int phases(const Args&) { return 2; }
  static int64_t units(const Args& args, int phase) {
    return ceil_div(phase == 0 ? args.whole : args.slice.size, kChunk);
  }
  static double cost(const Args& args) {
    return strided_cost(args.slice) + cost_ns(0, static_cast<double>(args.whole * args.slice.bytes));
  }
  static void run(unsigned char* dx, const void* dy, const Args& args, const Units& u) {
    const StridedArgs& slice = args.slice;
    if (u.phase == 1)
      return copy_strided(dx, slice.offset, dy, 0, slice.strided, covered(u, kChunk, slice.size), slice.bytes);
    const Range range = covered(u, kChunk, args.whole);
    __builtin_memset(dx + range.begin * slice.bytes, 0, (range.end - range.begin) * slice.bytes);
  }
};

// One part of x along an axis: the entries [offset, offset + out.shape[axis]).
struct SplitPart {
  using Args = StridedArgs;

  static Args prepare(const Call& call) {
    const int axis = static_cast<int>(call.integer("axis"));
    const int64_t outer = call.leading(1, axis), total = call.dim(1, axis), part = call.dim(0, axis);
    const int64_t inner = call.size(0) == 0 ? 0 : call.size(0) / (outer * part);
    Args args{{}, call.size(0), element_bytes(call.dtype(0)), call.integer("offset") * inner};
    args.strided.add(outer, part * inner, total * inner);
    args.strided.add(part * inner, 1, 1);
    args.strided.finish();
    return args;
  }
  static int64_t units(const Args& args) { return Slice::units(args); }
  static double cost(const Args& args) { return strided_cost(args); }
  static void run(void* out, const void* x, const Args& args, const Units& u) { Slice::run(out, x, args, u); }
};

// ---- Concatenation --------------------------------------------------------------------------------------------------

// out = x0, x1, ... side by side along an axis; seen as rows that are the parts' rows one behind the other.
struct Concatenate {
  static constexpr int kMaxParts = 28;
  static constexpr int64_t kChunkBytes = 16384;
  struct Args {
    int64_t parts, bytes;
    int64_t ends[kMaxParts];  // byte position in a row of out where each part ends
  };

  static Args prepare(const Call& call) {
    const int axis = static_cast<int>(call.integer("axis"));
    const int64_t outer = call.leading(0, axis), bytes = element_bytes(call.dtype(0));
    if (call.count - 1 > kMaxParts) call.refuse("concatenate joins at most 28 arrays in one call");
    Args args{call.count - 1, call.size(0) * bytes, {}};
    int64_t end = 0;
    for (int part = 0; part < args.parts; ++part) {
      end += outer == 0 ? 0 : call.size(part + 1) / outer * bytes;
      args.ends[part] = end;
    }
    return args;
  }
  static int64_t units(const Args& args) { return ceil_div(args.bytes, kChunkBytes); }
  static double cost(const Args& args) { return cost_ns(0, 2.0 * static_cast<double>(args.bytes)); }

  static void run_buffers(void* const* buffers, const Args& args, const Units& u) {
    unsigned char* out = static_cast<unsigned char*>(buffers[0]);
    const Range range = covered(u, kChunkBytes, args.bytes);
    const int64_t row_bytes = args.ends[args.parts - 1];
    int64_t row = range.begin / row_bytes, position = range.begin % row_bytes, part = 0;
    for (int64_t i = range.begin; i < range.end;) {
      while (position >= args.ends[part]) ++part;
      const int64_t begin = part == 0 ? 0 : args.ends[part - 1], length = args.ends[part] - begin;
      const int64_t n = min(args.ends[part] - position, range.end - i);
      const unsigned char* x = static_cast<const unsigned char*>(buffers[part + 1]);
      __builtin_memcpy(out + i, x + row * length + (position - begin), n);
      i += n;
      position += n;
      if (position == row_bytes) position = 0, part = 0, ++row;
    }
  }
};

// ---- Transposes -----------------------------------------------------------------------------------------------------

// out[i*out_stride + j] = x[j*x_stride + i] for i < rows, j < cols
template <class E>
void transpose_block(E* out, int64_t out_stride, const E* x, int64_t x_stride, int64_t rows, int64_t cols) {
  int64_t full_rows = 0, full_cols = 0;
  if constexpr (sizeof(E) > 1) {
    constexpr int64_t kSide = kLanes<E>;
    full_rows = rows / kSide * kSide;
    full_cols = cols / kSide * kSide;
    for (int64_t i = 0; i < full_rows; i += kSide) {
      for (int64_t j = 0; j < full_cols; j += kSide) {
        Vec<E> tile[kSide];
#pragma GCC unroll 16
        for (int64_t k = 0; k < kSide; ++k) tile[k] = load(x + (j + k) * x_stride + i);
        transpose<E>(tile);
#pragma GCC unroll 16
        for (int64_t k = 0; k < kSide; ++k) store(out + (i + k) * out_stride + j, tile[k]);
      }
    }
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < full_rows ? full_cols : 0; j < cols; ++j) out[i * out_stride + j] = x[j * x_stride + i];
}

// out = x with its axes in another order.
struct Transpose {
  static constexpr int64_t kBlock = 64;  // elements on a side: a unit's 2 x 16 KB of float32 stay in L1
  struct Args {
    StridedArgs copy;
    int64_t x_axis;  // out's axis along which x is contiguous; the last one when whole runs can be copied
  };

  static Args prepare(const Call& call) {
    int64_t axes[kMaxRank], wide[kMaxRank], dense[kMaxRank];
    const int rank = call.integers("axes", axes, kMaxRank);
    contiguous_strides(call, 1, wide);
    contiguous_strides(call, 0, dense);
    Args args{{{}, call.size(0), element_bytes(call.dtype(0)), 0}, 0};
    Strided& s = args.copy.strided;
    for (int axis = 0; axis < rank; ++axis) s.add(call.dim(0, axis), dense[axis], wide[axes[axis]]);
    s.finish();
    args.x_axis = s.rank - 1;
    while (args.x_axis > 0 && s.x[args.x_axis] != 1) --args.x_axis;
    return args;
  }

  static bool whole_runs(const Args& args) { return args.x_axis == args.copy.strided.rank - 1; }

  static int64_t units(const Args& args) {
    const Strided& s = args.copy.strided;
    if (whole_runs(args)) return ceil_div(args.copy.size, kChunk);
    int64_t blocks = 1;
    for (int64_t axis = 0; axis < s.rank; ++axis)
      blocks *= axis == args.x_axis || axis == s.rank - 1 ? ceil_div(s.shape[axis], kBlock) : s.shape[axis];
    return blocks;
  }
  static double cost(const Args& args) {
    return whole_runs(args) ? strided_cost(args.copy) : static_cast<double>(args.copy.size) * 0.7;
  }

  static void run(void* out, const void* x, const Args& args, const Units& u) {
    const StridedArgs& copy = args.copy;
    if (whole_runs(args)) return copy_strided(out, 0, x, 0, copy.strided, covered(u, kChunk, copy.size), copy.bytes);
    with_element(copy.bytes, [&](auto* element) {
      using E = std::remove_pointer_t<decltype(element)>;
      for (int64_t unit = u.first; unit < u.last; ++unit)
        run_block(static_cast<E*>(out), static_cast<const E*>(x), copy.strided, args.x_axis, unit);
    });
  }

  // Two axes are cut into blocks, the others are walked one by one.
  template <class E>
  static void run_block(E* out, const E* x, const Strided& s, int64_t x_axis, int64_t unit) {
    const int64_t last = s.rank - 1;
    int64_t rows = 0, cols = 0;
    for (int64_t axis = last; axis >= 0; --axis) {
      const int64_t step = axis == last || axis == x_axis ? kBlock : 1;
      const int64_t count = ceil_div(s.shape[axis], step);
      const int64_t at = unit % count * step;
      unit /= count;
      out += at * s.out[axis];
      x += at * s.x[axis];
      if (axis == last) cols = min(kBlock, s.shape[axis] - at);
      if (axis == x_axis) rows = min(kBlock, s.shape[axis] - at);
    }
    transpose_block(out, s.out[x_axis], x, s.x[last], rows, cols);
  }
};

}  // namespace

void register_reshaping(Table& table) {
  add_any<Copy>(table, "copy");
  add_any<Copy>(table, "assign");
  add_any<Transpose>(table, "transpose");
  add_any<Slice>(table, "slice");
  add_any<SliceBackward>(table, "slice_backward");
  add_any<Concatenate>(table, "concatenate");
  add_any<SplitPart>(table, "split_part");
}

}  // namespace gemmule::GEMMULE_ISA

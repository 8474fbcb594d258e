// Functions of one operand, limits, the ways back through choices and constants: element by element, without
// broadcasting.
#include "elementwise.h"
#include "elementwise_types.h"
#include "families.h"
#include "reshaping.h"
#include "simd_math.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- One operand ---------------------------------------------------------------------------------------------------

#define GEMMULE_UNARY(Name, operations, expression)   \
  struct Name {                                       \
    static constexpr double kOperations = operations; \
    template <class T>                                \
    static GEMMULE_INLINE T apply(T x) {              \
      return static_cast<T>(expression);              \
    }                                                 \
  };
GEMMULE_UNARY(Negative, 1, is_floating<T> ? -x : 0 - wrapping(x))
GEMMULE_UNARY(Square, 1, wrapping(x) * wrapping(x))
GEMMULE_UNARY(Sign, 3, x > T(0) ? T(1) : x < T(0) ? T(-1) : x)  // zero and NaN are their own signs
GEMMULE_UNARY(Reciprocal, 4, T(1) / x)
GEMMULE_UNARY(LogicalNot, 1, x ^ 1)
#undef GEMMULE_UNARY

struct Absolute {
  static constexpr double kOperations = 1;
  template <class T>
  static GEMMULE_INLINE T apply(T x) {
    if constexpr (is_floating<T>)
      return static_cast<T>(sizeof(T) == 4 ? __builtin_fabsf(static_cast<float>(x)) : __builtin_fabs(x));
    else
      return static_cast<T>(x < 0 ? 0 - wrapping(x) : wrapping(x));
  }
};

struct SquareRoot {
  static constexpr double kOperations = 6;
  static GEMMULE_INLINE float apply(float x) { return __builtin_sqrtf(x); }
  static GEMMULE_INLINE double apply(double x) { return __builtin_sqrt(x); }
};

struct Exponential {
  static constexpr double kOperations = 20;
  template <class V>
  static GEMMULE_INLINE V apply_vector(V x) {
    return exp(x);
  }
};

struct Logarithm {
  static constexpr double kOperations = 25;
  template <class V>
  static GEMMULE_INLINE V apply_vector(V x) {
    return log(x);
  }
};

template <class Op, class T>
void unary_range(void* out, const void* in, Range range) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  if constexpr (requires(Vec<T> v) { Op::apply_vector(v); }) {
    for_each_vector<T>(range,
                       [=](auto get, auto put) __attribute__((always_inline)) { put(y, Op::apply_vector(get(x))); });
  } else {
    GEMMULE_INDEPENDENT
    for (int64_t i = range.begin; i < range.end; ++i) y[i] = Op::apply(x[i]);
  }
}

using RangeFunction = void (*)(void* out, const void* x, Range range);

struct UnaryArgs {
  int64_t size;
  RangeFunction function;
  double cost;
};

template <class Op, class... T>
UnaryArgs unary_args(const Call& call, Types<T...>) {
  UnaryArgs args{call.size(0), nullptr, 0};
  const double size = static_cast<double>(args.size);
  ((stands_for<T>(call.dtype(1))
        ? void(args = {args.size, unary_range<Op, T>,
                       size * arithmetic_ns<T>(Op::kOperations) + stream_ns(2 * size * sizeof(T))})
        : void()),
   ...);
  if (!args.function) call.refuse("this element-by-element function does not take arrays of this dtype");
  return args;
}

// out = op(x), for the types in the list
template <class Op, class TypeList>
struct Unary {
  using Args = UnaryArgs;

  static Args prepare(const Call& call) { return unary_args<Op>(call, TypeList{}); }
  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) { return args.cost; }
  static void run(void* out, const void* x, const Args& args, const Units& u) {
    args.function(out, x, covered(u, kElementChunk, args.size));
  }
};

// ---- Limits, and gradients of the larger and the smaller -----------------------------------------------------------

template <class T>
struct LimitArgs {
  int64_t size;
  T low, high;
};

template <class T>
struct OverElements {
  static int64_t units(const auto& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const auto& args) { return stream_ns(3 * static_cast<double>(args.size) * sizeof(T)); }
};

// out = min(max(x, low), high)
template <class T>
struct Clip : OverElements<T> {
  using Args = LimitArgs<T>;

  static Args prepare(const Call& call) {
    return {call.size(0), static_cast<T>(call.number("low")), static_cast<T>(call.number("high"))};
  }
  static void run(T* out, const T* x, const Args& args, const Units& u) {
    const Vec<T> low = splat(args.low), high = splat(args.high);
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> raised = select<T>(get(x) < low, low, get(x));  // NaN stays
      put(out, select<T>(raised > high, high, raised));
    });
  }
};

// dx = dy where low <= x <= high, else 0
template <class T>
struct ClipBackward : OverElements<T> {
  using Args = LimitArgs<T>;

  static Args prepare(const Call& call) { return Clip<T>::prepare(call); }
  static void run(T* dx, const T* dy, const T* x, const Args& args, const Units& u) {
    const T low = args.low, high = args.high;
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> v = get(x);
      const Vec<T> outside = select<T>(v == v, zero<T>(), v);  // NaN comes out again
      put(dx, select<T>((v >= low) & (v <= high), get(dy), outside));
    });
  }
};

struct SizeArgs {
  int64_t size;
};

// da = dout where a is chosen, half of it at ties, and db the rest. kSign is 1 for the larger, -1 for the smaller.
template <class T, int kSign>
struct ExtremumOfTwoBackward : OverElements<T> {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(2)}; }

  static void run(T* da, T* db, const T* dout, const T* a, const T* b, const Args& args, const Units& u) {
    const Range range = covered(u, kElementChunk, args.size);
    if (da != nullptr) give(da, dout, a, b, range);
    if (db != nullptr) give(db, dout, b, a, range);
  }

  static void give(T* d, const T* dout, const T* own, const T* other, Range range) {
    for_each_vector<T>(range, [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> mine = get(own), theirs = get(other), gradient = get(dout);
      const Mask<T> chosen = kSign > 0 ? mine > theirs : mine < theirs;
      const Vec<T> tie = select<T>(mine == theirs, gradient * T(0.5), zero<T>());
      const Vec<T> unordered = select<T>((mine != mine) | (theirs != theirs), mine + theirs, tie);  // NaN
      put(d, select<T>(chosen, gradient, unordered));
    });
  }
};

// ---- Constants -----------------------------------------------------------------------------------------------------

// out = x factor
template <class T>
struct Scale : OverElements<T> {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static void run(T* out, const T* x, const T* factor, const Args& args, const Units& u) {
    const T by = *factor;
    for_each_vector<T>(covered(u, kElementChunk, args.size),
                       [=](auto get, auto put) __attribute__((always_inline)) { put(out, get(x) * by); });
  }
};

struct FillArgs {
  int64_t size;
  double value;
  DType dtype;
};

template <class T>
void fill_range(void* out, double value, Range range) {
  T* y = static_cast<T*>(out);
  const T element = static_cast<T>(value);
  for (int64_t i = range.begin; i < range.end; ++i) y[i] = element;
}

// out = value, of any dtype
struct Fill {
  using Args = FillArgs;

  static Args prepare(const Call& call) { return {call.size(0), call.number("value"), call.dtype(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) { return stream_ns(static_cast<double>(args.size * element_bytes(args.dtype))); }

  static void run(void* out, const Args& args, const Units& u) {
    const Range range = covered(u, kElementChunk, args.size);
    switch (args.dtype) {
      case DType::float32:
        return fill_range<float>(out, args.value, range);
      case DType::float64:
        return fill_range<double>(out, args.value, range);
      case DType::int32:
        return fill_range<int32_t>(out, args.value, range);
      case DType::int64:
        return fill_range<int64_t>(out, args.value, range);
      case DType::uint8:
        return fill_range<uint8_t>(out, args.value, range);
      case DType::bool_:
        return fill_range<uint8_t>(out, args.value != 0, range);
      case DType::uint32:
        return fill_range<uint32_t>(out, args.value, range);
      case DType::uint64:
        return fill_range<uint64_t>(out, args.value, range);
    }
  }
};

}  // namespace

void register_elementwise_plain(Table& table) {
  for_floating_types([&]<class T>(DType dtype) {
    table.add<Unary<Negative, Numbers<T>>>("negative", dtype);
    table.add<Unary<Absolute, Numbers<T>>>("abs", dtype);
    table.add<Unary<Square, Numbers<T>>>("square", dtype);
    table.add<Unary<Sign, Numbers<T>>>("sign", dtype);
    table.add<Unary<Exponential, Types<T>>>("exp", dtype);
    table.add<Unary<Logarithm, Types<T>>>("log", dtype);
    table.add<Unary<SquareRoot, Types<T>>>("sqrt", dtype);
    table.add<Unary<Reciprocal, Types<T>>>("reciprocal", dtype);
    table.add<ExtremumOfTwoBackward<T, 1>>("maximum_backward", dtype);
    table.add<ExtremumOfTwoBackward<T, -1>>("minimum_backward", dtype);
    table.add<Scale<T>>("scale", dtype);
    table.add<Clip<T>>("clip", dtype);
    table.add<ClipBackward<T>>("clip_backward", dtype);
    table.add<Fill>("fill", dtype);
  });
  table.add<Unary<LogicalNot, Types<uint8_t>>>("logical_not", DType::float32);
}

}  // namespace gemmule::GEMMULE_ISA

// Arithmetic, comparisons and choices, element by element; two or three operands broadcast as in NumPy. Kernels that
// broadcast nothing are in elementwise_plain.cpp.
//
// Most loops here are plain: every operation rounds once, so however the compiler vectorises them the bits are the
// same. Floating dtypes belong to the table entry of that dtype, integers and bools to the entry of float32.
#include "elementwise.h"

#include "broadcast.h"
#include "elementwise_types.h"
#include "families.h"
#include "reshaping.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- Two operands --------------------------------------------------------------------------------------------------

#define GEMMULE_BINARY(Name, Out, expression)   \
  struct Name {                                 \
    template <class T>                          \
    using Result = Out;                         \
    template <class T>                          \
    static GEMMULE_INLINE Out apply(T a, T b) { \
      return static_cast<Out>(expression);      \
    }                                           \
  };
GEMMULE_BINARY(Add, T, wrapping(a) + wrapping(b))
GEMMULE_BINARY(Subtract, T, wrapping(a) - wrapping(b))
GEMMULE_BINARY(Multiply, T, wrapping(a) * wrapping(b))
GEMMULE_BINARY(Divide, T, a / b)
GEMMULE_BINARY(Maximum, T, (a > b) | (a != a) ? a : b)  // NaN wins
GEMMULE_BINARY(Minimum, T, (a < b) | (a != a) ? a : b)
GEMMULE_BINARY(Equal, uint8_t, a == b)
GEMMULE_BINARY(NotEqual, uint8_t, a != b)
GEMMULE_BINARY(Less, uint8_t, a < b)
GEMMULE_BINARY(LessEqual, uint8_t, a <= b)
GEMMULE_BINARY(Greater, uint8_t, a > b)
GEMMULE_BINARY(GreaterEqual, uint8_t, a >= b)
GEMMULE_BINARY(LogicalAnd, uint8_t, a& b)
GEMMULE_BINARY(LogicalOr, uint8_t, a | b)
#undef GEMMULE_BINARY

struct Power {
  template <class T>
  using Result = T;
  static float apply(float a, float b) { return __builtin_powf(a, b); }
  static double apply(double a, double b) { return __builtin_pow(a, b); }
};

template <class Op, class T, bool kWalkA, bool kWalkB>
void binary_loop(typename Op::template Result<T>* out, const T* a, const T* b, int64_t n) {
  const T first_a = a[0], first_b = b[0];
  GEMMULE_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = Op::apply(kWalkA ? a[i] : first_a, kWalkB ? b[i] : first_b);
}

template <class Op, class T>
void binary_span(void* out, const Source* sources, int64_t n) {
  auto* y = static_cast<typename Op::template Result<T>*>(out);
  const T *a = static_cast<const T*>(sources[0].data), *b = static_cast<const T*>(sources[1].data);
  if (sources[0].step && sources[1].step)
    binary_loop<Op, T, true, true>(y, a, b, n);
  else if (sources[0].step)
    binary_loop<Op, T, true, false>(y, a, b, n);
  else
    binary_loop<Op, T, false, true>(y, a, b, sources[1].step ? n : 1);
}

// By far the most frequent power is a square, which needs no logarithm.
template <class T>
void power_span(void* out, const Source* sources, int64_t n) {
  const bool square = sources[1].step == 0 && *static_cast<const T*>(sources[1].data) == T(2);
  if (!square) return binary_span<Power, T>(out, sources, n);
  const Source twice[] = {sources[0], sources[0]};
  binary_span<Multiply, T>(out, twice, n);
}

template <class Op, class T>
constexpr SpanFunction kBinarySpan = binary_span<Op, T>;
template <class T>
constexpr SpanFunction kBinarySpan<Power, T> = power_span<T>;

// The function for the type of operand 1; ops check dtypes, so to find none is a defect of theirs.
template <class Op, class... T>
SpanFunction binary_span_for(const Call& call, Types<T...>) {
  SpanFunction found = nullptr;
  ((stands_for<T>(call.dtype(1)) ? void(found = kBinarySpan<Op, T>) : void()), ...);
  if (!found) call.refuse("this element-by-element operation does not take arrays of this dtype");
  return found;
}

struct BroadcastArgs {
  Broadcast plan;
  SpanFunction span;
  int8_t inputs;
  int8_t bytes[kMaxInputs];
  int8_t out_bytes;
  int8_t slow;  // calls the C library for each element

  static BroadcastArgs of(const Call& call, int inputs, SpanFunction span) {
    BroadcastArgs args{plan_broadcast(call, inputs), span, static_cast<int8_t>(inputs), {}, 0, 0};
    for (int i = 0; i < inputs; ++i) args.bytes[i] = static_cast<int8_t>(element_bytes(call.dtype(1 + i)));
    args.out_bytes = static_cast<int8_t>(element_bytes(call.dtype(0)));
    return args;
  }

  void run(void* out, const void* a, const void* b, const void* c, const Units& u) const {
    const BroadcastOperands m{out, {a, b, c}, {bytes[0], bytes[1], bytes[2]}, out_bytes, inputs};
    run_broadcast(plan, m, span, u);
  }
};

struct OverBroadcast {
  using Args = BroadcastArgs;

  static int64_t units(const Args& args) { return args.plan.units(); }
  static double cost(const Args& args) {
    const double size = static_cast<double>(args.plan.size);
    const bool tiles = args.plan.axes > 1 && args.plan.extents[0] <= kShortAxis;
    return size * (args.slow ? 8 : tiles ? 0.1 : 0) + stream_ns(size * (args.out_bytes + args.inputs * args.bytes[1]));
  }
};

// out = op(a, b), for the types in the list
template <class Op, class TypeList>
struct Binary : OverBroadcast {
  static Args prepare(const Call& call) {
    Args args = Args::of(call, 2, binary_span_for<Op>(call, TypeList{}));
    args.slow = std::is_same_v<Op, Power>;
    return args;
  }
  static void run(void* out, const void* a, const void* b, const Args& args, const Units& u) {
    args.run(out, a, b, nullptr, u);
  }
};

// ---- where: out = condition ? a : b --------------------------------------------------------------------------------

template <class T, bool kWalkA, bool kWalkB>
void where_loop(T* out, const uint8_t* condition, const T* a, const T* b, int64_t n) {
  const T first_a = a[0], first_b = b[0];
  GEMMULE_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const T yes = kWalkA ? a[i] : first_a, no = kWalkB ? b[i] : first_b;
    out[i] = condition[i] ? yes : no;
  }
}

template <class T>
void copy_or_fill(T* out, const Source& source, int64_t n) {
  const T* from = static_cast<const T*>(source.data);
  if (source.step) {
    __builtin_memmove(out, from, n * sizeof(T));
  } else {
    const T value = *from;
    for (int64_t i = 0; i < n; ++i) out[i] = value;
  }
}

template <class T>
void where_span(void* out, const Source* sources, int64_t n) {
  T* y = static_cast<T*>(out);
  const uint8_t* condition = static_cast<const uint8_t*>(sources[0].data);
  if (sources[0].step == 0) return copy_or_fill(y, sources[*condition ? 1 : 2], n);
  const T *a = static_cast<const T*>(sources[1].data), *b = static_cast<const T*>(sources[2].data);
  if (sources[1].step && sources[2].step)
    where_loop<T, true, true>(y, condition, a, b, n);
  else if (sources[1].step)
    where_loop<T, true, false>(y, condition, a, b, n);
  else if (sources[2].step)
    where_loop<T, false, true>(y, condition, a, b, n);
  else
    where_loop<T, false, false>(y, condition, a, b, n);
}

template <class... T>
SpanFunction where_span_for(const Call& call, Types<T...>) {
  SpanFunction found = nullptr;
  ((stands_for<T>(call.dtype(2)) ? void(found = where_span<T>) : void()), ...);
  if (!found) call.refuse("where does not take arrays of this dtype");
  return found;
}

template <class TypeList>
struct Where : OverBroadcast {
  static Args prepare(const Call& call) { return Args::of(call, 3, where_span_for(call, TypeList{})); }
  static void run(void* out, const void* condition, const void* a, const void* b, const Args& args, const Units& u) {
    args.run(out, condition, a, b, u);
  }
};

// ---- Registration --------------------------------------------------------------------------------------------------

template <class T>
void add_arithmetic(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<Binary<Add, Numbers<T>>>("add", dtype);
  table.add<Binary<Subtract, Numbers<T>>>("subtract", dtype);
  table.add<Binary<Multiply, Numbers<T>>>("multiply", dtype);
  table.add<Binary<Divide, Types<T>>>("divide", dtype);
  table.add<Binary<Power, Types<T>>>("power", dtype);
  table.add<Binary<Maximum, Numbers<T>>>("maximum", dtype);
  table.add<Binary<Minimum, Numbers<T>>>("minimum", dtype);
}

template <class T>
void add_choices(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<Binary<Equal, AllTypes<T>>>("equal", dtype);
  table.add<Binary<NotEqual, AllTypes<T>>>("not_equal", dtype);
  table.add<Binary<Less, AllTypes<T>>>("less", dtype);
  table.add<Binary<LessEqual, AllTypes<T>>>("less_equal", dtype);
  table.add<Binary<Greater, AllTypes<T>>>("greater", dtype);
  table.add<Binary<GreaterEqual, AllTypes<T>>>("greater_equal", dtype);
  table.add<Where<AllTypes<T>>>("where", dtype);
}

}  // namespace

void register_elementwise(Table& table) {
  for_floating_types([&]<class T>(DType) {
    add_arithmetic<T>(table);
    add_choices<T>(table);
  });
  table.add<Binary<LogicalAnd, Types<uint8_t>>>("logical_and", DType::float32);
  table.add<Binary<LogicalOr, Types<uint8_t>>>("logical_or", DType::float32);
}

}  // namespace gemmule::GEMMULE_ISA

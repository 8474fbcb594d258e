// Turns a struct of static functions into a table entry. A kernel is written as
//
//   template <class T>
//   struct Softmax {
//     struct Args { int64_t rows, cols; };                             // plain data, 8-byte members
//     static Args prepare(const Call& call);                           // from shapes and attributes
//     static int64_t units(const Args& args);                          // independent pieces of work
//     static double cost(const Args& args);                            // rough nanoseconds on one core
//     static void run(T* y, const T* x, const Args& args, const Units& u);  // does units [u.first, u.last)
//   };
//
// and registered with `table.add<Softmax<float>>("softmax", DType::float32)`. Optional members:
// `int phases(args)` with `units(args, phase)`, `int64_t shared_bytes(args)` and `int64_t local_bytes(args)`.
// `int keep(args)` changes the arguments so that phase 0 reads a single operand, and that operand is read in phase 0
// only: what it leaves in the shared scratch serves further runs until the operand changes. It returns the operand, or
// -1 when there is nothing worth keeping. The bits of the result stay the same.
// An absent optional operand arrives as nullptr. A kernel with any number of operands declares, instead of `run`,
// `static void run_buffers(void* const* buffers, const Args& args, const Units& u)`.
#pragma once
#include <new>
#include <type_traits>

#include "common.h"

#ifndef GEMMULE_ISA
#error "kernel sources are compiled once per ISA level with -DGEMMULE_ISA=v1|v3|v4"
#endif

namespace gemmule {

// Filled once per ISA level; defined in table.cpp, outside the per-level objects.
class Table {
 public:
  void insert(const Kernel& kernel);

  template <class K>
  void add(const char* name, DType dtype);
};

namespace GEMMULE_ISA {

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};

constexpr int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Rough time of a piece of work on one core: 40 flops and 16 bytes a nanosecond.
constexpr double cost_ns(double flops, double bytes) { return flops / 40 + bytes / 16; }

struct Range {
  int64_t begin, end;
};

// The elements that units [u.first, u.last) stand for when n elements are cut into chunks of a constant size.
constexpr Range covered(const Units& u, int64_t chunk, int64_t n) {
  return {u.first * chunk, u.last * chunk < n ? u.last * chunk : n};
}

template <size_t I, class First, class... Rest>
struct ParameterAt : ParameterAt<I - 1, Rest...> {};
template <class First, class... Rest>
struct ParameterAt<0, First, Rest...> {
  using type = First;
};

template <size_t... I>
struct Indices {};
template <size_t N, size_t... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <size_t... I>
struct MakeIndices<0, I...> {
  using type = Indices<I...>;
};

template <class K, class... P, size_t... I>
inline void invoke(void (*function)(P...), void* const* buffers, const typename K::Args& args, const Units& units,
                   Indices<I...>) {
  function(static_cast<typename ParameterAt<I, P...>::type>(buffers[I])..., args, units);
}

template <class... P>
constexpr size_t parameter_count(void (*)(P...)) {
  return sizeof...(P);
}

template <class K>
struct Entry {
  using Args = typename K::Args;
  static_assert(sizeof(Args) <= kArgsCapacity && std::is_trivially_copyable_v<Args>);

  static void prepare(const Call& call, Launch& launch) { describe(*new (launch.args) Args(K::prepare(call)), launch); }

  static int keep(Launch& launch) {
    Args& args = *reinterpret_cast<Args*>(launch.args);
    const int operand = K::keep(args);
    describe(args, launch);
    return operand;
  }

  static constexpr auto keeper() -> int (*)(Launch&) {
    if constexpr (requires(Args& args) { K::keep(args); }) return &keep;
    return nullptr;
  }

  static void describe(const Args& args, Launch& launch) {
    launch.cost = K::cost(args);
    if constexpr (requires { K::phases(args); }) launch.phases = K::phases(args);
    if constexpr (requires { K::shared_bytes(args); }) launch.shared_bytes = K::shared_bytes(args);
    if constexpr (requires { K::local_bytes(args); }) launch.local_bytes = K::local_bytes(args);
  }

  static int64_t units(const void* args, int phase) {
    const Args& a = *static_cast<const Args*>(args);
    if constexpr (requires { K::units(a, phase); })
      return K::units(a, phase);
    else
      return K::units(a);
  }

  static void run(void* const* buffers, const void* args, const Units& units) {
    const Args& a = *static_cast<const Args*>(args);
    if constexpr (requires { K::run_buffers(buffers, a, units); })
      K::run_buffers(buffers, a, units);
    else
      invoke<K>(&K::run, buffers, a, units, typename MakeIndices<parameter_count(&K::run) - 2>::type{});
  }
};

// float64 is there for gradient checks, and one level is enough for that: it would double the size of every other.
#if defined(GEMMULE_DOUBLES)
constexpr bool kCarriesDoubles = true;
#else
constexpr bool kCarriesDoubles = false;
#endif

// The level of old processors, where a faster one stands beside it: small counts, not speed.
#if defined(GEMMULE_COMPACT)
constexpr bool kCompact = true;
#else
constexpr bool kCompact = false;
#endif

// Whether a type gets but one way through a kernel where others get several for the sake of speed.
template <class T>
constexpr bool kOneWay = kCompact || std::is_same_v<T, double>;

// Calls add<T>(dtype) for each floating type this level carries. The others are not even compiled.
template <class Add>
inline void for_floating_types(const Add& add) {
  add.template operator()<float>(DType::float32);
  if constexpr (kCarriesDoubles) add.template operator()<double>(DType::float64);
}

// For a kernel that looks at the dtypes of its operands itself: one code, entered for either floating dtype of a model.
template <class K>
inline void add_any(Table& table, const char* name);

}  // namespace GEMMULE_ISA

template <class K>
void Table::add(const char* name, DType dtype) {
  using E = GEMMULE_ISA::Entry<K>;
  insert(Kernel{name, dtype, &E::prepare, E::keeper(), &E::units, &E::run});
}

template <class K>
inline void GEMMULE_ISA::add_any(Table& table, const char* name) {
  table.add<K>(name, DType::float32);
  if constexpr (kCarriesDoubles) table.add<K>(name, DType::float64);
}

}  // namespace gemmule

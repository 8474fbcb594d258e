// Functions that are not worth vectors of their own, element by element from the C library: trigonometry, roundings,
// further exponentials and logarithms.
#include "families.h"

// Their C++ header would emit inline overloads at every level.
// clang-format off
#define GEMMULE_LIBRARY(X)                                                                                          \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) X(erf) X(exp2) X(expm1)    \
  X(log2) X(log10) X(log1p) X(floor) X(ceil) X(trunc) X(rint)
#define GEMMULE_LIBRARY_OF_TWO(X) X(atan2) X(fmod)
// clang-format on

extern "C" {
#define GEMMULE_DECLARE(name)     \
  double name(double x) noexcept; \
  float name##f(float x) noexcept;
#define GEMMULE_DECLARE_OF_TWO(name)        \
  double name(double a, double b) noexcept; \
  float name##f(float a, float b) noexcept;
GEMMULE_LIBRARY(GEMMULE_DECLARE)
GEMMULE_LIBRARY_OF_TWO(GEMMULE_DECLARE_OF_TWO)
}

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunk = 1024;   // elements a unit
constexpr double kElementNs = 10;  // one call

template <class F>
struct Named {
  const char* name;
  F function;
};

template <class T>
using OfOne = T (*)(T);
template <class T>
using OfTwo = T (*)(T, T);

#define GEMMULE_SINGLE(name) {#name, name##f},
#define GEMMULE_DOUBLE(name) {#name, name},
constexpr Named<OfOne<float>> kOfOne[] = {GEMMULE_LIBRARY(GEMMULE_SINGLE)};
constexpr Named<OfTwo<float>> kOfTwo[] = {GEMMULE_LIBRARY_OF_TWO(GEMMULE_SINGLE)};
#if defined(GEMMULE_DOUBLES)
constexpr Named<OfOne<double>> kOfOneDouble[] = {GEMMULE_LIBRARY(GEMMULE_DOUBLE)};
constexpr Named<OfTwo<double>> kOfTwoDouble[] = {GEMMULE_LIBRARY_OF_TWO(GEMMULE_DOUBLE)};
#endif

template <class F, size_t N>
F named(const Call& call, const Named<F> (&functions)[N]) {
  const char* wanted = call.text("function");
  for (const Named<F>& entry : functions)
    if (__builtin_strcmp(entry.name, wanted) == 0) return entry.function;
  call.refuse("there is no elementary function of this name");
}

template <class F>
struct FunctionArgs {
  int64_t size;
  F function;
};

struct ByElement {
  static int64_t units(const auto& args) { return ceil_div(args.size, kChunk); }
  static double cost(const auto& args) { return static_cast<double>(args.size) * kElementNs; }
};

// out = function(x)
template <class T, const auto& kFunctions>
struct Elementary : ByElement {
  using Args = FunctionArgs<OfOne<T>>;

  static Args prepare(const Call& call) { return {call.size(0), named(call, kFunctions)}; }
  static void run(T* out, const T* x, const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    for (int64_t i = range.begin; i < range.end; ++i) out[i] = args.function(x[i]);
  }
};

// out = function(a, b), all of one shape
template <class T, const auto& kFunctions>
struct ElementaryOfTwo : ByElement {
  using Args = FunctionArgs<OfTwo<T>>;

  static Args prepare(const Call& call) { return {call.size(0), named(call, kFunctions)}; }
  static void run(T* out, const T* a, const T* b, const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    for (int64_t i = range.begin; i < range.end; ++i) out[i] = args.function(a[i], b[i]);
  }
};

}  // namespace

void register_elementary(Table& table) {
  table.add<Elementary<float, kOfOne>>("elementary", DType::float32);
  table.add<ElementaryOfTwo<float, kOfTwo>>("elementary_of_two", DType::float32);
#if defined(GEMMULE_DOUBLES)
  table.add<Elementary<double, kOfOneDouble>>("elementary", DType::float64);
  table.add<ElementaryOfTwo<double, kOfTwoDouble>>("elementary_of_two", DType::float64);
#endif
}

}  // namespace gemmule::GEMMULE_ISA

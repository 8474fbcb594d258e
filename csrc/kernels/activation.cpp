// Activations, element by element: y = act(x), and dx from dy and either y or x, whichever is cheaper and exact.
#include "activation.h"

#include "elementwise.h"
#include "families.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// all operands (n)
template <class T>
struct MapArgs {
  int64_t size;
  T alpha;
  double element_ns;  // arithmetic, on one core
};

template <class T>
struct Map {
  using Args = MapArgs<T>;

  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) {
    const double size = static_cast<double>(args.size);
    return size * args.element_ns + stream_ns(3 * size * sizeof(T));
  }
};

template <Activation A>
constexpr int kOperations = 25;
template <>
constexpr int kOperations<Activation::relu> = 2;
template <>
constexpr int kOperations<Activation::leaky_relu> = 2;
template <>
constexpr int kOperations<Activation::softplus> = 50;

template <class T, Activation A>
T alpha_of(const Call& call) {
  if constexpr (A == Activation::leaky_relu) return static_cast<T>(call.number("negative_slope"));
  if constexpr (A == Activation::elu) return static_cast<T>(call.number("alpha"));
  return T(0);
}

template <class T, Activation A>
struct Forward : Map<T> {
  using Args = MapArgs<T>;

  static Args prepare(const Call& call) {
    return {call.size(0), alpha_of<T, A>(call), arithmetic_ns<T>(kOperations<A>)};
  }

  static void run(T* y, const T* x, const Args& args, const Units& u) {
    const T alpha = args.alpha;
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      put(y, activate<T, A>(get(x), alpha));
    });
  }
};

template <class T, Activation A>
struct Backward : Map<T> {
  using Args = MapArgs<T>;

  static Args prepare(const Call& call) {
    return {call.size(0), alpha_of<T, A>(call), arithmetic_ns<T>(A == Activation::softplus ? 25 : 4)};
  }

  static void run(T* dx, const T* dy, const T* y, const Args& args, const Units& u) {
    const T alpha = args.alpha;
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      put(dx, activate_backward<T, A>(get(dy), get(y), alpha));
    });
  }
};

// ---- Activations that are not monotone, so that y does not tell x ---------------------------------------------------

// x sigmoid(x). Elfwing et al. (2017)
struct Silu {
  static constexpr int kOperations = 25;

  template <class T>
  static GEMMULE_INLINE Vec<T> forward(Vec<T> x) {
    return x * sigmoid(x);
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> derivative(Vec<T> x) {
    const Vec<T> s = sigmoid(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

// x tanh(softplus(x)) = x n / (n + 2) with e = exp(x) and n = e (e + 2). Misra (2019)
struct Mish {
  static constexpr int kOperations = 30;

  // Beyond 20, n / (n + 2) rounds to 1 and its slope to 0.
  template <class T>
  static GEMMULE_INLINE Vec<T> bounded(Vec<T> x) {
    return minimum<T>(x, splat(T(20)));
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> forward(Vec<T> x) {
    const Vec<T> e = exp(bounded<T>(x));
    const Vec<T> n = e * (e + T(2));
    return x * (n / (n + T(2)));
  }
  // w + x (1 - w^2) sigmoid(x) with w = n / (n + 2)
  template <class T>
  static GEMMULE_INLINE Vec<T> derivative(Vec<T> x) {
    x = bounded<T>(x);
    const Vec<T> e = exp(x);
    const Vec<T> n = e * (e + T(2));
    const Vec<T> inverse = T(1) / (n + T(2));
    return n * inverse + x * (T(4) * e * (e + T(1)) * inverse * inverse);
  }
};

// x Phi(x). Hendrycks and Gimpel (2016)
struct Gelu {
  static constexpr int kOperations = 50;

  template <class T>
  static GEMMULE_INLINE Vec<T> distribution(Vec<T> x) {
    return (erf(x * T(0.70710678118654752440)) + T(1)) * T(0.5);
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> forward(Vec<T> x) {
    return x * distribution<T>(x);
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> derivative(Vec<T> x) {
    const Vec<T> density = exp(x * x * T(-0.5)) * T(0.39894228040143267794);
    return distribution<T>(x) + x * density;
  }
};

// x (1 + tanh(u)) / 2 = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3)
struct GeluApproximate {
  static constexpr int kOperations = 30;

  static constexpr double kTwice = 2 * 0.79788456080286535588;
  static constexpr double kCubic = 0.044715;

  template <class T>
  static GEMMULE_INLINE Vec<T> gate(Vec<T> x) {
    return sigmoid(x * (T(kTwice) + x * x * T(kTwice * kCubic)));
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> forward(Vec<T> x) {
    return x * gate<T>(x);
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> derivative(Vec<T> x) {
    const Vec<T> s = gate<T>(x);
    // Where the gate is shut or open, x^3 may be infinite: zero times it would be NaN.
    const Vec<T> bounded = maximum<T>(minimum<T>(x, splat(T(100))), splat(T(-100)));
    const Vec<T> slope = T(kTwice) + bounded * bounded * T(3 * kTwice * kCubic);
    return s + bounded * s * (T(1) - s) * slope;
  }
};

template <class T, class A>
struct ForwardFromInput : Map<T> {
  using Args = MapArgs<T>;

  static Args prepare(const Call& call) { return {call.size(0), T(0), arithmetic_ns<T>(A::kOperations)}; }

  static void run(T* y, const T* x, const Args& args, const Units& u) {
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      put(y, A::template forward<T>(get(x)));
    });
  }
};

template <class T, class A>
struct BackwardFromInput : Map<T> {
  using Args = MapArgs<T>;

  static Args prepare(const Call& call) { return {call.size(0), T(0), arithmetic_ns<T>(2 * A::kOperations)}; }

  static void run(T* dx, const T* dy, const T* x, const Args& args, const Units& u) {
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      put(dx, get(dy) * A::template derivative<T>(get(x)));
    });
  }
};

// gelu is two functions under one name; `alpha` remembers which.
template <class T, template <class, class> class Pass>
struct EitherGelu : Map<T> {
  using Args = MapArgs<T>;

  static Args prepare(const Call& call) {
    Args args = Pass<T, Gelu>::prepare(call);
    args.alpha = call.flag("approximate");
    return args;
  }

  template <class... P>
  static void choose(const Args& args, const Units& u, P... arrays) {
    if (args.alpha != T(0))
      Pass<T, GeluApproximate>::run(arrays..., args, u);
    else
      Pass<T, Gelu>::run(arrays..., args, u);
  }
};

template <class T>
struct GeluForward : EitherGelu<T, ForwardFromInput> {
  static void run(T* y, const T* x, const MapArgs<T>& args, const Units& u) {
    EitherGelu<T, ForwardFromInput>::choose(args, u, y, x);
  }
};

template <class T>
struct GeluBackward : EitherGelu<T, BackwardFromInput> {
  static void run(T* dx, const T* dy, const T* x, const MapArgs<T>& args, const Units& u) {
    EitherGelu<T, BackwardFromInput>::choose(args, u, dx, dy, x);
  }
};

template <class T>
void add_activations(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
#define GEMMULE_ADD(name)                                           \
  table.add<Forward<T, Activation::name>>(#name "_forward", dtype); \
  table.add<Backward<T, Activation::name>>(#name "_backward", dtype)
  GEMMULE_ADD(relu);
  GEMMULE_ADD(leaky_relu);
  GEMMULE_ADD(elu);
  GEMMULE_ADD(selu);
  GEMMULE_ADD(sigmoid);
  GEMMULE_ADD(tanh);
  GEMMULE_ADD(softplus);
  GEMMULE_ADD(exponential);
#undef GEMMULE_ADD
  table.add<ForwardFromInput<T, Silu>>("silu_forward", dtype);
  table.add<BackwardFromInput<T, Silu>>("silu_backward", dtype);
  table.add<ForwardFromInput<T, Mish>>("mish_forward", dtype);
  table.add<BackwardFromInput<T, Mish>>("mish_backward", dtype);
  table.add<GeluForward<T>>("gelu_forward", dtype);
  table.add<GeluBackward<T>>("gelu_backward", dtype);
}

}  // namespace

void register_activation(Table& table) {
  for_floating_types([&]<class T>(DType) { add_activations<T>(table); });
}

}  // namespace gemmule::GEMMULE_ISA

// Gradients of the 2-D convolution.
#include "conv2d_input.h"
#include "conv2d_weights.h"
#include "conv2d_winograd.h"
#include "families.h"
#include "gemm.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// A kernel of one tap and no padding is a matrix product of pixels; Winograd's way must be allowed and win.
struct InputArgs {
  enum class Way : int64_t { product, winograd, direct } way;
  union {
    GemmPlan product;
    WinogradPlan winograd;
    InputPlan direct;
  };
};

template <class T>
InputArgs input_args(const ConvShape& s, int64_t largest_tile, Activation activation, double alpha) {
  InputArgs args{};
  if (s.pointwise() && s.G == 1) {
    args.way = InputArgs::Way::product;
    args.product = gemm_plan<T>({.M = s.positions(), .N = s.C, .K = s.O, .transpose_b = true});
    args.product.activation = activation;
    args.product.alpha = alpha;
    return args;
  }
  if constexpr (sizeof(T) == sizeof(float)) {
    if (const int64_t tile = winograd_tile(s, WinogradPass::backward_input, largest_tile)) {
      args.way = InputArgs::Way::winograd;
      args.winograd = winograd_plan(s, WinogradPass::backward_input, tile, activation, alpha);
      return args;
    }
  }
  args.way = InputArgs::Way::direct;
  args.direct = input_plan<T>(s, activation, alpha);
  return args;
}

}  // namespace

// dx (N, H, W, C) = act(convT(dy, w) + b) | dy (N, OH, OW, O), w (KH, KW, C/G, O), b (C)?
template <class T>
struct Conv2dBackwardInput {
  using Args = InputArgs;
  using Way = InputArgs::Way;

  static Args prepare(const Call& call) {
    return input_args<T>(conv_shape(call, 0, 2, 1), call.integer("winograd"), activation_from(call.text("activation")),
                         call.number("alpha"));
  }
  static int phases(const Args& args) {
    if (args.way == Way::product) return gemm_phases(args.product);
    return args.way == Way::winograd ? winograd_phases(args.winograd) : static_cast<int>(args.direct.phases);
  }
  static int64_t units(const Args& args, int phase) {
    if (args.way == Way::product) return gemm_units<T>(args.product, phase);
    return args.way == Way::winograd ? winograd_units(args.winograd, phase) : input_units<T>(args.direct, phase);
  }
  static int64_t shared_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_shared_bytes<T>(args.product);
    return args.way == Way::winograd ? winograd_shared_bytes(args.winograd) : input_shared_bytes<T>(args.direct);
  }
  static int64_t local_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_local_bytes<T>(args.product);
    return args.way == Way::winograd ? winograd_local_bytes(args.winograd) : input_local_bytes<T>(args.direct);
  }
  static double cost(const Args& args) {
    if (args.way == Way::product) return gemm_cost<T>(args.product);
    return args.way == Way::winograd ? winograd_cost(args.winograd) : input_cost<T>(args.direct);
  }
  static void run(T* dx, const T* dy, const T* w, const T* b, const Args& args, const Units& u) {
    if (args.way == Way::product) return gemm_run<T>(args.product, {dx, dy, w, b}, u);
    if constexpr (sizeof(T) == sizeof(float))
      if (args.way == Way::winograd) return winograd_run(args.winograd, {dx, dy, w, b}, u);
    input_run<T>(args.direct, dx, dy, w, b, u);
  }
};

// dw (KH, KW, C/G, O)?, db (O)? | x (N, H, W, C), dy (N, OH, OW, O)
template <class T>
struct Conv2dBackwardWeights {
  using Args = WeightsPlan;

  static Args prepare(const Call& call) {
    if (call.present(0)) return weights_plan<T>(conv_shape(call, 2, 0, 3), true, call.present(1));
    // No dw, no shape of a kernel: what sums dy looks at no tap.
    ConvShape s{};
    s.N = call.dim(3, 0);
    s.H = s.OH = call.dim(3, 1);
    s.W = s.OW = call.dim(3, 2);
    s.C = s.O = call.dim(3, 3);
    s.KH = s.KW = s.SH = s.SW = s.DH = s.DW = s.G = 1;
    return weights_plan<T>(s, false, call.present(1));
  }
  static int phases(const Args& args) { return weights_phases(args); }
  static int64_t units(const Args& args, int phase) { return weights_units(args, phase); }
  static int64_t shared_bytes(const Args& args) { return weights_shared_bytes<T>(args); }
  static int64_t local_bytes(const Args& args) { return weights_local_bytes<T>(args); }
  static double cost(const Args& args) { return weights_cost<T>(args); }
  static void run(T* dw, T* db, const T* x, const T* dy, const Args& args, const Units& u) {
    weights_run<T>(args, dw, db, x, dy, u);
  }
};

template <class T>
void add_gradients(Table& table, DType dtype) {
  table.add<Conv2dBackwardInput<T>>("conv2d_backward_input", dtype);
  table.add<Conv2dBackwardWeights<T>>("conv2d_backward_weights", dtype);
}

void register_conv2d_backward(Table& table, bool doubles) {
  add_gradients<float>(table, DType::float32);
#if !defined(__AVX2__)
  if (doubles) add_gradients<double>(table, DType::float64);
#else
  (void)doubles;
#endif
}

}  // namespace gemmule::GEMMULE_ISA

// Gradients of the 2-D convolution.
#include "conv2d_input.h"
#include "conv2d_patches.h"
#include "conv2d_weights.h"
#include "conv2d_winograd.h"
#include "families.h"
#include "gemm.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// A kernel of one tap and no padding is a matrix product of pixels; Winograd's way must be allowed and win.
struct InputArgs {
  enum class Way : int64_t { product, winograd, patches, direct } way;
  union {
    GemmPlan product;
    WinogradPlan winograd;
    PatchPlan patches;
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
  if constexpr (!kOneWay<T>) {
    if (is_patched<T>(s)) {
      args.way = InputArgs::Way::patches;
      args.patches = patch_plan<T>(s, activation, alpha);
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
    if (args.way == Way::patches) return patch_phases(args.patches);
    return args.way == Way::winograd ? winograd_phases(args.winograd) : static_cast<int>(args.direct.phases);
  }
  static int64_t units(const Args& args, int phase) {
    if (args.way == Way::product) return gemm_units<T>(args.product, phase);
    if (args.way == Way::patches) return patch_units<T>(args.patches, phase);
    return args.way == Way::winograd ? winograd_units(args.winograd, phase) : input_units<T>(args.direct, phase);
  }
  static int64_t shared_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_shared_bytes<T>(args.product);
    if (args.way == Way::patches) return patch_shared_bytes<T>(args.patches);
    return args.way == Way::winograd ? winograd_shared_bytes(args.winograd) : input_shared_bytes<T>(args.direct);
  }
  static int64_t local_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_local_bytes<T>(args.product);
    if (args.way == Way::patches) return patch_local_bytes<T>(args.patches);
    return args.way == Way::winograd ? winograd_local_bytes(args.winograd) : input_local_bytes<T>(args.direct);
  }
  static double cost(const Args& args) {
    if (args.way == Way::product) return gemm_cost<T>(args.product);
    if (args.way == Way::patches) return patch_cost<T>(args.patches);
    return args.way == Way::winograd ? winograd_cost(args.winograd) : input_cost<T>(args.direct);
  }
  static void run(T* dx, const T* dy, const T* w, const T* b, const Args& args, const Units& u) {
    if (args.way == Way::product) return gemm_run<T>(args.product, {dx, dy, w, b}, u);
    if constexpr (sizeof(T) == sizeof(float))
      if (args.way == Way::winograd) return winograd_run(args.winograd, {dx, dy, w, b}, u);
    if constexpr (!kOneWay<T>)
      if (args.way == Way::patches) return patch_run<T>(args.patches, dx, dy, w, b, u);
    input_run<T>(args.direct, dx, dy, w, b, u);
  }
};

namespace {

// dw by Winograd's way or directly. In the first case `direct` makes db alone, beside the first phases of the other.
struct WeightsArgs {
  WeightsPlan direct;
  int64_t by_winograd;
  WinogradPlan winograd;
};

// No dw, no shape of a kernel: what sums dy (N, OH, OW, O) looks at one tap.
ConvShape sums_shape(const Call& call, int dy) {
  ConvShape s{};
  s.N = call.dim(dy, 0);
  s.H = s.OH = call.dim(dy, 1);
  s.W = s.OW = call.dim(dy, 2);
  s.C = s.O = call.dim(dy, 3);
  s.KH = s.KW = s.SH = s.SW = s.DH = s.DW = s.G = 1;
  return s;
}

}  // namespace

// dw (KH, KW, C/G, O)?, db (O)? | x (N, H, W, C), dy (N, OH, OW, O)
template <class T>
struct Conv2dBackwardWeights {
  using Args = WeightsArgs;

  static Args prepare(const Call& call) {
    const bool has_db = call.present(1);
    if (!call.present(0)) return {weights_plan<T>(sums_shape(call, 3), false, has_db), false, {}};
    const ConvShape s = conv_shape(call, 2, 0, 3);
    if constexpr (sizeof(T) == sizeof(float))
      if (const int64_t tile = winograd_tile(s, WinogradPass::backward_weights, call.integer("winograd")))
        return {weights_plan<T>(sums_shape(call, 3), false, has_db), true,
                winograd_plan(s, WinogradPass::backward_weights, tile)};
    return {weights_plan<T>(s, true, has_db), false, {}};
  }
  static int phases(const Args& args) {
    return args.by_winograd ? winograd_phases(args.winograd) : weights_phases(args.direct);
  }
  static int64_t units(const Args& args, int phase) {
    return args.by_winograd ? sum_units(args, phase) + winograd_units(args.winograd, phase)
                            : weights_units(args.direct, phase);
  }
  static int64_t shared_bytes(const Args& args) {
    return args.by_winograd ? sum_bytes(args) + winograd_shared_bytes(args.winograd)
                            : weights_shared_bytes<T>(args.direct);
  }
  static int64_t local_bytes(const Args& args) {
    const int64_t direct = weights_local_bytes<T>(args.direct);
    return args.by_winograd ? max(direct, winograd_local_bytes(args.winograd)) : direct;
  }
  static double cost(const Args& args) {
    return weights_cost<T>(args.direct) + (args.by_winograd ? winograd_cost(args.winograd) : 0);
  }
  static void run(T* dw, T* db, const T* x, const T* dy, const Args& args, const Units& u) {
    if (!args.by_winograd) return weights_run<T>(args.direct, dw, db, x, dy, u);
    if constexpr (sizeof(T) == sizeof(float)) {
      const int64_t sums = sum_units(args, u.phase);  // they come first
      if (u.first < sums)
        weights_run<T>(args.direct, nullptr, db, x, dy, {u.first, min(sums, u.last), u.phase, u.shared, u.local});
      if (u.last <= sums) return;
      void* const behind = static_cast<char*>(u.shared) + sum_bytes(args);
      winograd_run_weights(args.winograd, dw, x, dy, {max(u.first - sums, 0), u.last - sums, u.phase, behind, u.local});
    }
  }

 private:
  static int64_t sum_units(const Args& args, int phase) {
    const bool any = args.direct.has_db && phase < weights_phases(args.direct);
    return any ? weights_units(args.direct, phase) : 0;
  }
  static int64_t sum_bytes(const Args& args) { return round_up(weights_shared_bytes<T>(args.direct), 64); }
};

template <class T>
void add_gradients(Table& table, DType dtype) {
  table.add<Conv2dBackwardInput<T>>("conv2d_backward_input", dtype);
  table.add<Conv2dBackwardWeights<T>>("conv2d_backward_weights", dtype);
}

void register_conv2d_backward(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { add_gradients<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

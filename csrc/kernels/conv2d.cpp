// conv2d: the 2-D convolution; geometry in conv2d_shape.h.
#include "conv2d_direct.h"
#include "conv2d_winograd.h"
#include "families.h"
#include "gemm.h"

namespace gemmule::GEMMULE_ISA {

ConvShape conv_shape(const Call& call, int x, int w, int y) {
  int64_t strides[2], padding[4], dilation[2];
  call.integers("strides", strides, 2);
  call.integers("padding", padding, 4);
  call.integers("dilation", dilation, 2);
  return {.N = call.dim(x, 0),
          .H = call.dim(x, 1),
          .W = call.dim(x, 2),
          .C = call.dim(x, 3),
          .OH = call.dim(y, 1),
          .OW = call.dim(y, 2),
          .O = call.dim(y, 3),
          .KH = call.dim(w, 0),
          .KW = call.dim(w, 1),
          .SH = strides[0],
          .SW = strides[1],
          .PT = padding[0],
          .PL = padding[2],
          .DH = dilation[0],
          .DW = dilation[1],
          .G = call.integer("groups")};
}

namespace {

// A kernel of one tap and no padding is a matrix product of pixels; Winograd's way must be allowed and win; everything
// else is convolved directly.
struct ConvArgs {
  enum class Way : int64_t { product, winograd, direct } way;
  union {
    GemmPlan product;
    WinogradPlan winograd;
    DirectPlan direct;
  };
};

// `chosen_for`: the shape by which the way is chosen, `s` or that of the whole batch whose part it is.
template <class T>
ConvArgs conv_args(const ConvShape& s, const ConvShape& chosen_for, int64_t largest_tile, Activation activation,
                   double alpha) {
  ConvArgs args{};
  if (s.pointwise() && s.G == 1) {
    args.way = ConvArgs::Way::product;
    args.product = gemm_plan<T>({.M = s.positions(), .N = s.O, .K = s.C});
    args.product.activation = activation;
    args.product.alpha = alpha;
    return args;
  }
  if constexpr (sizeof(T) == sizeof(float)) {
    if (const int64_t tile = winograd_tile(chosen_for, WinogradPass::forward, largest_tile)) {
      args.way = ConvArgs::Way::winograd;
      args.winograd = winograd_plan(s, WinogradPass::forward, tile, activation, alpha);
      return args;
    }
  }
  args.way = ConvArgs::Way::direct;
  args.direct = direct_plan<T>(direct_shape(s));
  args.direct.activation = activation;
  args.direct.alpha = alpha;
  return args;
}

}  // namespace

// y (N, OH, OW, O) = act(fma(conv(x, w) + b, scale, shift) + residual)
// | x (N, H, W, C), w (KH, KW, C/G, O), b (O)?, scale (O)?, shift (O)?, residual (N, OH, OW, O)?
template <class T>
struct ConvForward {
  using Args = ConvArgs;
  using Way = ConvArgs::Way;

  static Args prepare(const Call& call) {
    const ConvShape shape = conv_shape(call, 1, 2, 0);
    ConvShape whole = shape;
    if (call.has("batch")) whole.N = call.integer("batch");
    return conv_args<T>(shape, whole, call.integer("winograd"), activation_from(call.text("activation")),
                        call.number("alpha"));
  }
  static int phases(const Args& args) {
    if (args.way == Way::product) return gemm_phases(args.product);
    return args.way == Way::winograd ? winograd_phases(args.winograd) : direct_phases(args.direct);
  }
  static int64_t units(const Args& args, int phase) {
    if (args.way == Way::product) return gemm_units<T>(args.product, phase);
    return args.way == Way::winograd ? winograd_units(args.winograd, phase) : direct_units<T>(args.direct, phase);
  }
  static int64_t shared_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_shared_bytes<T>(args.product);
    return args.way == Way::winograd ? winograd_shared_bytes(args.winograd) : direct_shared_bytes<T>(args.direct);
  }
  static int64_t local_bytes(const Args& args) {
    if (args.way == Way::product) return gemm_local_bytes<T>(args.product);
    return args.way == Way::winograd ? winograd_local_bytes(args.winograd) : direct_local_bytes<T>(args.direct);
  }
  static double cost(const Args& args) {
    if (args.way == Way::product) return gemm_cost<T>(args.product);
    return args.way == Way::winograd ? winograd_cost(args.winograd) : direct_cost<T>(args.direct);
  }
  static int keep(Args& args) {
    if (args.way == Way::product) return gemm_keep_b<T>(args.product) ? 2 : -1;
    return args.way == Way::winograd || direct_keep_kernel(args.direct) ? 2 : -1;
  }

  static void run(T* y, const T* x, const T* w, const T* b, const T* scale, const T* shift, const T* residual,
                  const Args& args, const Units& u) {
    if (args.way == Way::product) return gemm_run<T>(args.product, {y, x, w, b, residual, scale, shift}, u);
    if constexpr (sizeof(T) == sizeof(float))
      if (args.way == Way::winograd) return winograd_run(args.winograd, {y, x, w, b, scale, shift, residual}, u);
    direct_run<T>(args.direct, {y, x, w, b, residual, scale, shift}, u);
  }
};

void register_conv2d(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { table.add<ConvForward<T>>("conv2d_forward", dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

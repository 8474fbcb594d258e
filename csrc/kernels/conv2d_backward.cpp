// Gradients of the 2-D convolution.
#include "conv2d_weights.h"
#include "families.h"

namespace gemmule::GEMMULE_ISA {

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

void register_conv2d_backward(Table& table, bool doubles) {
  table.add<Conv2dBackwardWeights<float>>("conv2d_backward_weights", DType::float32);
#if !defined(__AVX2__)
  if (doubles) table.add<Conv2dBackwardWeights<double>>("conv2d_backward_weights", DType::float64);
#else
  (void)doubles;
#endif
}

}  // namespace gemmule::GEMMULE_ISA

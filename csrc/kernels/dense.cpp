// dense: y = act(x · w + b), with the epilogue of a product, and its two gradients, as products on the core of
// gemm.cpp.
#include "families.h"
#include "gemm.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// Column sums go in blocks of rows like every other sum; a unit takes a run of columns.
constexpr int64_t kSumRows = 512;
constexpr int64_t kSumColumns = 512;

// db (N) = sums over the rows of dz (M, N): columns [j0, j1).
template <class T>
void sum_columns(T* db, const T* dz, int64_t M, int64_t N, int64_t j0, int64_t j1) {
  for (int64_t i0 = 0; i0 < max(M, 1); i0 += kSumRows) {
    const int64_t i1 = min(M, i0 + kSumRows);
    for (int64_t j = j0; j < j1; j += 4 * kLanes<T>) {
      Vec<T> sum[4] = {};
      for (int64_t i = i0; i < i1; ++i)
        for (int v = 0; v < 4; ++v)
          sum[v] += load_partial(dz + i * N + j + v * kLanes<T>, max(j1 - j - v * kLanes<T>, 0));
      for (int v = 0; v < 4; ++v) {
        const int64_t at = j + v * kLanes<T>, lanes = max(j1 - at, 0);
        if (i0 > 0) sum[v] += load_partial(db + at, lanes);
        store_partial<T>(db + at, sum[v], lanes);
      }
    }
  }
}

}  // namespace

// What the three kernels share: they are products and nothing else.
template <class T>
struct DenseProduct {
  using Args = GemmPlan;

  static int phases(const Args& args) { return gemm_phases(args); }
  static int64_t units(const Args& args, int phase) { return gemm_units<T>(args, phase); }
  static int64_t shared_bytes(const Args& args) { return gemm_shared_bytes<T>(args); }
  static int64_t local_bytes(const Args& args) { return gemm_local_bytes<T>(args); }
  static double cost(const Args& args) { return gemm_cost<T>(args); }
};

// y (M, N) = act(fma(x · w + b, scale, shift) + residual) | x (M, K), w (K, N), b (N)?, scale (N)?, shift (N)?,
// residual (M, N)?
template <class T>
struct DenseForward : DenseProduct<T> {
  static int keep(GemmPlan& plan) { return gemm_keep_b<T>(plan) ? 2 : -1; }
  static GemmPlan prepare(const Call& call) {
    GemmPlan plan = gemm_plan<T>({.M = call.leading(1, -1), .N = call.dim(2, 1), .K = call.dim(2, 0)});
    plan.activation = activation_from(call.text("activation"));
    plan.alpha = call.number("alpha");
    return plan;
  }
  static void run(T* y, const T* x, const T* w, const T* b, const T* scale, const T* shift, const T* residual,
                  const GemmPlan& plan, const Units& u) {
    gemm_run<T>(plan, {y, x, w, b, residual, scale, shift}, u);
  }
};

// dx (M, K) = dz (M, N) · wᵀ, w (K, N)
template <class T>
struct DenseBackwardInput : DenseProduct<T> {
  static GemmPlan prepare(const Call& call) {
    return gemm_plan<T>({.M = call.leading(1, -1), .N = call.dim(2, 0), .K = call.dim(2, 1), .transpose_b = true});
  }
  static void run(T* dx, const T* dz, const T* w, const GemmPlan& plan, const Units& u) {
    gemm_run<T>(plan, {dx, dz, w}, u);
  }
};

// dw (K, N)? = xᵀ · dz, db (N)? = column sums of dz | x (M, K), dz (M, N)
template <class T>
struct DenseBackwardWeights {
  struct Args {
    GemmPlan product;
    int64_t M, N;
    int64_t has_dw, has_db;
  };

  static Args prepare(const Call& call) {
    const int64_t M = call.leading(3, -1), K = call.dim(2, -1), N = call.dim(3, -1);
    return {gemm_plan<T>({.M = K, .N = N, .K = M, .transpose_a = true}), M, N, call.present(0), call.present(1)};
  }
  static int phases(const Args& args) { return args.has_dw ? gemm_phases(args.product) : 1; }
  static int64_t units(const Args& args, int phase) {
    // The sums come first among the units of the first phase.
    return (args.has_dw ? gemm_units<T>(args.product, phase) : 0) + (phase == 0 ? sum_units(args) : 0);
  }
  static int64_t shared_bytes(const Args& args) { return args.has_dw ? gemm_shared_bytes<T>(args.product) : 0; }
  static int64_t local_bytes(const Args& args) { return args.has_dw ? gemm_local_bytes<T>(args.product) : 0; }
  static double cost(const Args& args) {
    const double bytes = static_cast<double>(args.M) * args.N * sizeof(T);
    return (args.has_dw ? gemm_cost<T>(args.product) : 0) + (args.has_db ? bytes / 32 : 0);
  }

  static void run(T* dw, T* db, const T* x, const T* dz, const Args& args, const Units& u) {
    const int64_t sums = u.phase == 0 ? sum_units(args) : 0;
    if (u.first < sums) sum_columns(db, dz, args.M, args.N, u.first * kSumColumns, min(args.N, u.last * kSumColumns));
    if (u.last <= sums) return;
    const Units product{max(u.first - sums, 0), u.last - sums, u.phase, u.shared, u.local};
    gemm_run<T>(args.product, {dw, x, dz}, product);
  }

 private:
  static int64_t sum_units(const Args& args) { return args.has_db ? ceil_div(args.N, kSumColumns) : 0; }
};

template <class T>
void add_dense(Table& table, DType dtype) {
  table.add<DenseForward<T>>("dense_forward", dtype);
  table.add<DenseBackwardInput<T>>("dense_backward_input", dtype);
  table.add<DenseBackwardWeights<T>>("dense_backward_weights", dtype);
}

void register_dense(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { add_dense<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

// Matrix products: the interface of `gemm.cpp` for other families.
//
//   out (M, N) = act(fma(op(a) · op(b) + bias, scale, shift) + residual),  op(a) (M, K),  op(b) (K, N)
//
// A kernel that needs a product keeps a GemmPlan among its arguments, adds the plan's scratch, phases and units to its
// own, and calls gemm_run for them. Every element of out is a sum over blocks of K, each block one chain of fused
// multiply-adds in the order of k; then comes the epilogue of gemm_epilogue.h. The blocks depend on K alone, so the
// same row gives the same bits in a batch of any size (except where `dots` is chosen, see there).
#pragma once
#include "gemm_epilogue.h"

namespace gemmule::GEMMULE_ISA {

enum class Strategy : int64_t {
  row,        // M = 1: streams b once
  in_place,   // neither operand is packed
  turned,     // few rows times a transposed b: computes the transpose of out, so that b is read as it lies
  columns,    // few columns: vectors along M, rows of a transposed in registers
  dots,       // rows of a times rows of b where one of the two has very few: vectors along K
  packed,     // both packed, b shared by all threads
  packed_own  // many products of a batch: each is one unit, packed by the thread that does it
};

struct GemmShape {
  int64_t batch = 1;
  int64_t M, N, K;
  bool transpose_a = false;  // a is (K, M)
  bool transpose_b = false;  // b is (N, K)
  bool shared_a = false;     // all batch entries use one a
  bool shared_b = false;
};

// Everything here follows from the shapes.
struct GemmPlan {
  Strategy strategy;
  int64_t batch, M, N, K;
  int64_t transpose_a, transpose_b;
  int64_t a_step, b_step;             // elements from one batch entry to the next
  int64_t depth, depth_blocks;        // how K is cut
  int64_t row_blocks, column_blocks;  // the grid of units of one matrix
  int64_t copy_b;                     // in_place: copy b after all, panel by panel
  int64_t columns, wide_blocks;       // packed: columns of b packed at a time
  int64_t kept_b;                     // all of b is packed in phase 0
  Activation activation = Activation::linear;
  double alpha = 0;
};

template <class T>
struct GemmOperands {
  T* out;
  const T* a;
  const T* b;
  const T* bias = nullptr;      // (N,)
  const T* residual = nullptr;  // like out, and never out itself
  const T* scale = nullptr;     // (N,), together with shift
  const T* shift = nullptr;
};

template <class T>
GemmPlan gemm_plan(const GemmShape& shape);
int gemm_phases(const GemmPlan& plan);
template <class T>
int64_t gemm_units(const GemmPlan& plan, int phase);
template <class T>
int64_t gemm_shared_bytes(const GemmPlan& plan);
template <class T>
int64_t gemm_local_bytes(const GemmPlan& plan);
template <class T>
double gemm_cost(const GemmPlan& plan);
// Changes the plan so that b is read in phase 0 only, see `keep` in kernel.h. Returns whether that is worth it.
template <class T>
bool gemm_keep_b(GemmPlan& plan);
template <class T>
void gemm_run(const GemmPlan& plan, const GemmOperands<T>& operands, const Units& units);

}  // namespace gemmule::GEMMULE_ISA

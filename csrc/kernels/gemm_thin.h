// The strategies of gemm for a single row, for few columns, and for dot products: bound by reading one large operand.
#pragma once
#include "gemm.h"
#include "simd_lanes.h"

namespace gemmule::GEMMULE_ISA {

// --- one row -------------------------------------------------------------------------------------------------------

// Columns whose sums one strip keeps in registers, as vectors. Rows of b up to this length are read from end to end,
// one behind the other; longer ones in runs that are still long enough for the hardware to fetch ahead.
#if defined(__AVX512F__)
constexpr int kStripVectors = 24;
#else
constexpr int kStripVectors = 12;
#endif

constexpr int64_t kSharedB = 256 * 1024;  // bytes of b from which a single row is worth two threads

template <class T>
struct StripJob {
  int64_t K;
  const T* x;  // (K,)
  const T* b;  // b[k * stride + j]
  int64_t stride;
  const T* addend;  // like out, or nullptr
  T* out;           // V vectors, the last with `lanes` lanes
  int64_t lanes;
};

template <class T, int V>
void strip(const StripJob<T>& job) {
  constexpr int L = kLanes<T>;
  const T *x = job.x, *b = job.b;
  const int64_t stride = job.stride, lanes = job.lanes;
  Vec<T> sum[V];
#pragma GCC unroll 32
  for (int v = 0; v < V; ++v) sum[v] = zero<T>();
#pragma GCC unroll 2
  for (int64_t k = 0; k < job.K; ++k) {
    const Vec<T> scalar = splat(x[k]);
#pragma GCC unroll 32
    for (int v = 0; v < V - 1; ++v) sum[v] = fma(scalar, load(b + v * L), sum[v]);
    sum[V - 1] = fma(scalar, load_partial(b + (V - 1) * L, lanes), sum[V - 1]);
    b += stride;
  }
#pragma GCC unroll 32
  for (int v = 0; v < V; ++v) {
    const int64_t n = v < V - 1 ? L : lanes;
    store_partial<T>(job.out + v * L, job.addend ? sum[v] + load_partial(job.addend + v * L, n) : sum[v], n);
  }
}

template <class T, class Vectors>
struct StripsOf;
template <class T, size_t... V>
struct StripsOf<T, Indices<V...>> {
  static constexpr void (*table[])(const StripJob<T>&) = {&strip<T, V + 1>...};
};

template <class T>
int64_t strips_of(int64_t N, int64_t K) {
  // A large b is read at the speed of the caches: two cores have twice as much of them, and of their speed.
  const int64_t wanted = N * K * static_cast<int64_t>(sizeof(T)) >= kSharedB ? 2 : 1;
  const int64_t vectors = ceil_div(N, kLanes<T>);
  return min(vectors, max(wanted, ceil_div(vectors, kStripVectors)));
}

// Columns [j0, j1) of strip `index`: whole vectors, dealt evenly.
template <class T>
int64_t strip_begin(int64_t N, int64_t strips, int64_t index) {
  return min(N, ceil_div(N, kLanes<T>) * index / strips * kLanes<T>);
}

template <class T>
void multiply_row(const GemmPlan& p, const GemmOperands<T>& m, int64_t j0, int64_t j1) {
  const int64_t vectors = ceil_div(j1 - j0, kLanes<T>);
  for (int64_t k = 0; k < p.K; k += p.depth) {
    const T* addend = k > 0 ? m.out + j0 : p.depth_blocks == 1 && m.bias ? m.bias + j0 : nullptr;
    const StripJob<T> job{min(p.depth, p.K - k),
                          m.a + k,
                          m.b + k * p.N + j0,
                          p.N,
                          addend,
                          m.out + j0,
                          j1 - j0 - (vectors - 1) * kLanes<T>};
    StripsOf<T, typename MakeIndices<kStripVectors>::type>::table[vectors - 1](job);
  }
}

// --- rows times rows -----------------------------------------------------------------------------------------------

// out[r * step] = x (K) · rows (R, K): each sum runs in the lanes of a vector, folded as a tree.
template <class T, int R>
GEMMULE_INLINE void dot_rows(T* out, int64_t step, const T* x, const T* rows, int64_t K) {
  Vec<T> sum[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) sum[r] = zero<T>();
  int64_t k = 0;
  for (; k + kLanes<T> <= K; k += kLanes<T>) {
    const Vec<T> v = load(x + k);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] = fma(v, load(rows + r * K + k), sum[r]);
  }
  if (k < K) {
    const Vec<T> v = load_partial(x + k, K - k);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] = fma(v, load_partial(rows + r * K + k, K - k), sum[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) out[r * step] = reduce_add<T>(sum[r]);
}

// Rows [r0, r1) of the longer operand against all rows of the shorter.
template <class T>
void multiply_dots(const GemmPlan& p, const GemmOperands<T>& m, int64_t r0, int64_t r1) {
  const bool few_a = p.M <= p.N;
  const T *few = few_a ? m.a : m.b, *many = few_a ? m.b : m.a;
  const int64_t few_step = few_a ? p.N : 1, many_step = few_a ? 1 : p.N;
  for (int64_t r = r0; r < r1; r += 4) {
    for (int64_t f = 0; f < min(p.M, p.N); ++f) {
      const T *x = few + f * p.K, *rows = many + r * p.K;
      T* out = m.out + f * few_step + r * many_step;
      if (r + 4 <= r1) {
        dot_rows<T, 4>(out, many_step, x, rows, p.K);
      } else {
        for (int64_t q = 0; q < r1 - r; ++q) dot_rows<T, 1>(out + q * many_step, many_step, x, rows + q * p.K, p.K);
      }
    }
  }
}

// --- few columns ---------------------------------------------------------------------------------------------------

constexpr int64_t kFewColumns = 4;

constexpr int64_t kColumnVectors = 4;  // of K

// Lanes hold rows of out: a vector's worth of rows of a is transposed in registers. There are that many rows at least,
// and the last vector may begin before the one before it ends.
template <class T, int N>
void multiply_columns(const GemmPlan& p, const GemmOperands<T>& m, int64_t i0, int64_t i1) {
  constexpr int L = kLanes<T>;
  const int64_t K = p.K;
  T b[kColumnVectors * L][N];
  for (int64_t k = 0; k < K; ++k)
    for (int n = 0; n < N; ++n) b[k][n] = p.transpose_b ? m.b[n * K + k] : m.b[k * N + n];
  Mask<T> row[N], column[N];  // of a vector of out, which lies row by row
  for (int v = 0; v < N; ++v) {
    for (int lane = 0; lane < L; ++lane) {
      row[v][lane] = (v * L + lane) / N;
      column[v][lane] = (v * L + lane) % N;
    }
  }
  for (int64_t next = i0; next < i1; next += L) {
    const int64_t i = min(next, i1 - L);
    Vec<T> sum[N] = {};
    for (int64_t k = 0; k < K; k += L) {
      const T* a = m.a + i * K + k;
      const int64_t depth = min(L, K - k);
      Vec<T> block[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q, a += K) block[q] = load_partial(a, depth);
      transpose<T>(block);
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) {
        if (q >= depth) break;
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[n] = fma(splat(b[k + q][n]), block[q], sum[n]);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      Vec<T> out = N > 1 ? permute<T>(sum[0], row[v]) : sum[0];
#pragma GCC unroll 4
      for (int n = 1; n < N; ++n) out = select<T>(column[v] == n, permute<T>(sum[n], row[v]), out);
      store<T>(m.out + i * N + v * L, out);
    }
  }
}

template <class T, class Columns>
struct ColumnsOf;
template <class T, size_t... N>
struct ColumnsOf<T, Indices<N...>> {
  static constexpr void (*table[])(const GemmPlan&, const GemmOperands<T>&, int64_t,
                                   int64_t) = {&multiply_columns<T, N + 1>...};
};

}  // namespace gemmule::GEMMULE_ISA

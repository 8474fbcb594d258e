// gemm: out = act(op(a) · op(b) + bias + residual), one matrix or a batch of them.
//
// This file plans a product and holds the strategies that leave the operands where they lie; gemm_packed.h has those
// that copy them first. What is best depends on how often an element is used again: an element of b serves M rows, so
// for few rows a copy costs more than it saves.
#include "gemm.h"

#include "families.h"
#include "gemm_packed.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kDepth = 384;          // k of one chain: a panel of b, depth × 32 floats, fills L1
constexpr int64_t kFewRows = 64;         // up to here b is used too seldom to pay for a copy
constexpr int64_t kSmallB = 16 * 1024;   // elements of b that stay in the caches without a copy
constexpr int64_t kTurnedRows = 32;      // rows of a that are cheap to transpose
constexpr int64_t kShallow = 64;         // K up to which a transposed a is read in place
constexpr int64_t kFewDots = 3;
constexpr int64_t kColumns = 4096;       // packed columns of b: with kDepth, 6 MB, a share of L3
constexpr int64_t kManyUnits = 32;       // enough units for the threads of a large machine
constexpr int64_t kOwnProduct = 1 << 21; // multiply-adds below which an entry of a batch is one unit
constexpr int64_t kTurnedDepth = 64;     // rows of k in one unit of the transposing phase
constexpr int64_t kRowColumns = 256;     // columns of one unit when there is one row
constexpr int64_t kDotRows = 16;         // rows of one unit of dot products

// Measured multiply-adds a nanosecond, halved: for deciding on threads.
#if defined(__AVX512F__)
constexpr double kRate = 50;
#elif defined(__AVX2__)
constexpr double kRate = 25;
#else
constexpr double kRate = 8;
#endif

template <class T>
bool is_dots(const GemmShape& s) {
  return !s.transpose_a && s.transpose_b && s.K >= 4 * kLanes<T> && (s.M <= kFewDots || s.N <= kFewDots);
}

// One and the same memory can be read as several shapes: picks the one that suits best.
template <class T>
GemmShape simplified(GemmShape s) {
  if (s.K == 1) s.transpose_a = s.transpose_b = false;
  if (s.M == 1) s.transpose_a = false;
  if (s.N == 1) {
    s.transpose_b = true;
    s.transpose_b = is_dots<T>(s);
  }
  if (s.shared_b && !s.shared_a && !s.transpose_a) {
    s.M *= s.batch;
    s.batch = 1;
  }
  return s;
}

template <class T>
Strategy strategy_for(const GemmShape& s) {
  if (is_dots<T>(s)) return Strategy::dots;
  if (!s.transpose_b) {
    if (s.M == 1 && s.K > 0) return Strategy::row;
    if (s.transpose_a ? s.K <= kShallow : (s.M <= kFewRows || s.K * s.N <= kSmallB)) return Strategy::in_place;
  } else if (!s.transpose_a && s.M <= kTurnedRows && s.batch == 1) {
    return Strategy::turned;
  }
  return s.batch > 1 && s.M * s.N * s.K <= kOwnProduct ? Strategy::packed_own : Strategy::packed;
}

// Columns in panels of two vectors; a rest of one vector or less joins the last panel.
template <class T>
int64_t column_panels(int64_t N) {
  return max(1, (N + kLanes<T> - 1) / kTileColumns<T>);
}

template <class T>
void lay_grid(GemmPlan& p) {
  p.row_blocks = p.column_blocks = 1;
  switch (p.strategy) {
    case Strategy::row: p.column_blocks = ceil_div(p.N, kRowColumns); break;
    case Strategy::dots: p.row_blocks = ceil_div(max(p.M, p.N), kDotRows); break;
    case Strategy::turned: p.row_blocks = row_tiles(p.N); break;
    case Strategy::in_place:
      // A transposed a goes by rows of tiles, so that each unit writes whole rows of out: the gradient of a weight,
      // whose update is cut the same way.
      p.row_blocks = p.transpose_a ? row_tiles(p.M) : ceil_div(p.M, kFewRows);
      p.column_blocks = p.transpose_a ? 1 : column_panels<T>(p.N);
      break;
    case Strategy::packed:
    case Strategy::packed_own:
      p.wide_blocks = max(1, ceil_div(p.N, kColumns));
      p.columns = round_up(ceil_div(p.N, p.wide_blocks), kTileColumns<T>);
      p.row_blocks = row_tiles(p.M);
      p.column_blocks = max(1, min(ceil_div(kManyUnits, max(p.row_blocks, 1)), p.columns / (8 * kTileColumns<T>)));
      break;
  }
}

// --- one row -------------------------------------------------------------------------------------------------------

// chain (columns) += x (G) · b (G, columns): G whole rows of b at a time are G contiguous streams.
template <class T, int G>
GEMMULE_INLINE void add_rows(T* chain, const T* x, const T* b, int64_t stride, int64_t columns, bool fresh) {
  constexpr int L = kLanes<T>;
  Vec<T> scalar[G];
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) scalar[g] = splat(x[g]);
  int64_t j = 0;
  for (; j + L <= columns; j += L) {
    Vec<T> sum = fresh ? zero<T>() : load(chain + j);
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) sum = fma(scalar[g], load(b + g * stride + j), sum);
    store<T>(chain + j, sum);
  }
  if (j == columns) return;
  Vec<T> sum = fresh ? zero<T>() : load(chain + j);
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) sum = fma(scalar[g], load_partial(b + g * stride + j, columns - j), sum);
  store<T>(chain + j, sum);
}

// out (1, N): columns [j0, j1). `chain` holds the sums of the current block of K.
template <class T>
void multiply_row(const GemmPlan& p, const GemmOperands<T>& m, int64_t j0, int64_t j1, T* chain) {
  const int64_t columns = j1 - j0;
  for (int64_t block = 0; block < p.depth_blocks; ++block) {
    const int64_t k0 = block * p.depth, k1 = min(p.K, k0 + p.depth);
    int64_t k = k0;
    for (; k + 8 <= k1; k += 8) add_rows<T, 8>(chain, m.a + k, m.b + k * p.N + j0, p.N, columns, k == k0);
    for (; k < k1; ++k) add_rows<T, 1>(chain, m.a + k, m.b + k * p.N + j0, p.N, columns, k == k0);
    for (int64_t j = 0; j < columns; j += kLanes<T>) {
      const Vec<T> sum = block == 0 ? zero<T>() : load_partial(m.out + j0 + j, columns - j);
      store_partial<T>(m.out + j0 + j, sum + load(chain + j), columns - j);
    }
  }
}

// --- rows times rows -----------------------------------------------------------------------------------------------

// out[r * step] = x (K) · rows (R, K): each sum runs in the lanes of a vector, folded as a tree.
template <class T, int R>
GEMMULE_INLINE void dot_rows(T* out, int64_t step, const T* x, const T* rows, int64_t K) {
  Vec<T> sum[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) sum[r] = zero<T>();
  for (int64_t k = 0; k < K; k += kLanes<T>) {
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
  for (int64_t f = 0; f < min(p.M, p.N); ++f) {
    const T* x = few + f * p.K;
    T* out = m.out + f * few_step;
    int64_t r = r0;
    for (; r + 4 <= r1; r += 4) dot_rows<T, 4>(out + r * many_step, many_step, x, many + r * p.K, p.K);
    for (; r < r1; ++r) dot_rows<T, 1>(out + r * many_step, many_step, x, many + r * p.K, p.K);
  }
}

// --- nothing packed ------------------------------------------------------------------------------------------------

// out (M, N): rows [i0, i1), columns [j0, j1), strip by strip. A strip that would reach over the end moves back over its
// neighbour, whose sums it computes again to the same bits; only when N is less than a vector are the columns of b
// copied, to `scratch`.
template <class T>
void multiply_in_place(const GemmPlan& p, const GemmOperands<T>& m, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                       T* scratch) {
  constexpr int L = kLanes<T>;
  const Reading reading = p.transpose_a ? Reading::by_depth : Reading::by_rows;
  const int64_t a_stride = p.transpose_a ? p.M : p.K, a_row = p.transpose_a ? 1 : p.K;
  const int64_t a_depth = p.transpose_a ? p.M : 1;
  const int64_t rows = i1 - i0, tiles = row_tiles(rows);
  const bool ragged = p.N < L, whole = p.depth_blocks == 1;
  for (int64_t j = j0; j < j1;) {
    const int vectors = j1 - j > L && j1 - j0 >= 2 * L ? 2 : 1;
    const int64_t at = ragged ? 0 : min(j, j1 - vectors * L);
    for (int64_t block = 0; block < p.depth_blocks; ++block) {
      const int64_t k0 = block * p.depth;
      TileJob<T> job;
      job.K = min(p.K - k0, p.depth);
      job.a_stride = a_stride;
      job.b = m.b + k0 * p.N + at;
      job.b_stride = p.N;
      job.b_ahead = kAhead * p.N;
      job.c_stride = p.N;
      if (ragged) {
        pack_columns(scratch, job.b, p.N, false, job.K, p.N, L);
        job.b = scratch;
        job.b_stride = L;
        job.b_ahead = 0;
      }
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t i = i0 + row_of_tile(rows, tiles, tile), end = i0 + row_of_tile(rows, tiles, tile + 1);
        job.a = m.a + i * a_row + k0 * a_depth;
        job.c = m.out + i * p.N + at;
        set_addend(job, block > 0, whole && m.bias ? m.bias + at : nullptr);
        if (ragged) edge_tile(job, reading, end - i, p.N);
        else run_tile(job, reading, end - i, vectors);
      }
    }
    j = at + vectors * L;
  }
}

template <class T>
GemmOperands<T> entry_of(const GemmPlan& p, const GemmOperands<T>& m, int64_t entry) {
  const int64_t out = entry * p.M * p.N;
  return {m.out + out, m.a + entry * p.a_step, m.b + entry * p.b_step, m.bias, m.residual ? m.residual + out : nullptr};
}

// A unit of the strategies that need no phases: one cell of the grid of one batch entry.
template <class T>
void run_cell(const GemmPlan& p, const GemmOperands<T>& m, int64_t row_block, int64_t column_block, T* scratch) {
  int64_t i0 = p.M * row_block / p.row_blocks, i1 = p.M * (row_block + 1) / p.row_blocks;
  int64_t j0 = 0, j1 = p.N;
  Epilogue<T> epilogue = epilogue_of(p, m);
  if (p.strategy == Strategy::row) {
    j0 = column_block * kRowColumns;
    j1 = min(p.N, j0 + kRowColumns);
    multiply_row(p, m, j0, j1, scratch);
  } else if (p.strategy == Strategy::dots) {
    const int64_t many = max(p.M, p.N);
    const int64_t r0 = many * row_block / p.row_blocks, r1 = many * (row_block + 1) / p.row_blocks;
    multiply_dots(p, m, r0, r1);
    i0 = p.M <= p.N ? 0 : r0;
    i1 = p.M <= p.N ? p.M : r1;
    j0 = p.M <= p.N ? r0 : 0;
    j1 = p.M <= p.N ? r1 : p.N;
  } else {
    j0 = column_block * kTileColumns<T>;
    j1 = column_block == p.column_blocks - 1 ? p.N : j0 + kTileColumns<T>;
    multiply_in_place(p, m, i0, i1, j0, j1, scratch);
    if (p.depth_blocks == 1) epilogue.bias = nullptr;  // the tiles have added it
  }
  epilogue.finish(m.out, p.N, i0, i1, j0, j1);
}

}  // namespace

template <class T>
GemmPlan gemm_plan(const GemmShape& shape) {
  const GemmShape s = simplified<T>(shape);
  GemmPlan p{};
  p.strategy = strategy_for<T>(s);
  p.batch = s.batch;
  p.M = s.M;
  p.N = s.N;
  p.K = s.K;
  p.transpose_a = s.transpose_a;
  p.transpose_b = s.transpose_b;
  p.a_step = s.shared_a ? 0 : s.M * s.K;
  p.b_step = s.shared_b ? 0 : s.K * s.N;
  p.depth_blocks = max(1, ceil_div(s.K, kDepth));
  p.depth = max(16, round_up(ceil_div(s.K, p.depth_blocks), 16));
  p.depth_blocks = max(1, ceil_div(s.K, p.depth));
  lay_grid<T>(p);
  return p;
}

int gemm_phases(const GemmPlan& p) {
  if (p.strategy == Strategy::turned) return 2;
  return p.strategy == Strategy::packed ? static_cast<int>(2 * p.batch * p.wide_blocks * p.depth_blocks) : 1;
}

template <class T>
int64_t gemm_units(const GemmPlan& p, int phase) {
  if (p.M == 0 || p.N == 0) return 0;
  if (p.strategy == Strategy::packed_own) return p.batch;
  if (p.strategy == Strategy::turned && phase == 0)
    return ceil_div(p.M, kTileColumns<T>) * ceil_div(p.K, kTurnedDepth);
  if (p.strategy == Strategy::packed)
    return phase % 2 == 0 ? block_of_phase<T>(p, phase / 2).panels : p.row_blocks * p.column_blocks;
  return p.batch * p.row_blocks * p.column_blocks;
}

template <class T>
int64_t gemm_shared_bytes(const GemmPlan& p) {
  if (p.strategy == Strategy::turned) return round_up(p.M, kTileColumns<T>) * p.K * sizeof(T);
  return p.strategy == Strategy::packed ? p.depth * p.columns * sizeof(T) : 0;
}

template <class T>
int64_t gemm_local_bytes(const GemmPlan& p) {
  switch (p.strategy) {
    case Strategy::row: return kRowColumns * sizeof(T);
    case Strategy::in_place: return p.N < kLanes<T> ? p.depth * kLanes<T> * sizeof(T) : 0;
    case Strategy::packed: return packed_rows_bytes<T>(p);
    case Strategy::packed_own: return packed_rows_bytes<T>(p) + p.depth * p.columns * sizeof(T);
    default: return 0;
  }
}

template <class T>
double gemm_cost(const GemmPlan& p) {
  const double products = static_cast<double>(p.batch) * p.M * p.N * p.K * (sizeof(T) / 4);
  const double bytes = static_cast<double>(p.batch) * (p.M * p.K + p.K * p.N + 2 * p.M * p.N) * sizeof(T);
  return 20 + products / kRate + bytes / 32;
}

template <class T>
void gemm_run(const GemmPlan& p, const GemmOperands<T>& m, const Units& u) {
  T* const local = static_cast<T*>(u.local);
  T* const shared = static_cast<T*>(u.shared);
  if (p.strategy == Strategy::turned) {
    if (u.phase == 0) return turn_rows(p, m.a, u.first, u.last, kTurnedDepth, shared);
    return multiply_turned(p, m, u.first, u.last, shared);
  }
  if (p.strategy == Strategy::packed) {
    const PackedBlock block = block_of_phase<T>(p, u.phase / 2);
    const GemmOperands<T> entry = entry_of(p, m, block.entry);
    if (u.phase % 2 == 0) return pack_panels(p, entry.b, block, u.first, u.last, shared);
    return multiply_packed(p, entry, block, u.first, u.last, shared, local);
  }
  if (p.strategy == Strategy::packed_own) {
    T* const own = local + packed_rows_bytes<T>(p) / sizeof(T);
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const GemmOperands<T> entry = entry_of(p, m, unit);
      for (int64_t b = 0; b < p.wide_blocks * p.depth_blocks; ++b) {
        const PackedBlock block = block_of_phase<T>(p, b);
        pack_panels(p, entry.b, block, 0, block.panels, own);
        multiply_packed(p, entry, block, 0, p.row_blocks * p.column_blocks, own, local);
      }
    }
    return;
  }
  const int64_t cells = p.row_blocks * p.column_blocks;
  for (int64_t unit = u.first; unit < u.last; ++unit)
    run_cell(p, entry_of(p, m, unit / cells), unit % cells / p.column_blocks, unit % p.column_blocks, local);
}

#define GEMMULE_GEMM(T)                                                                    \
  template GemmPlan gemm_plan<T>(const GemmShape&);                                        \
  template int64_t gemm_units<T>(const GemmPlan&, int);                                    \
  template int64_t gemm_shared_bytes<T>(const GemmPlan&);                                  \
  template int64_t gemm_local_bytes<T>(const GemmPlan&);                                   \
  template double gemm_cost<T>(const GemmPlan&);                                           \
  template void gemm_run<T>(const GemmPlan&, const GemmOperands<T>&, const Units&);
GEMMULE_GEMM(float)
#if !defined(__AVX2__)
GEMMULE_GEMM(double)
#endif

// out (batch?, M, N) | a (batch?, M, K), b (batch?, K, N), bias (N,)?, residual like out?
template <class T>
struct Gemm {
  using Args = GemmPlan;

  static Args prepare(const Call& call) {
    GemmShape s;
    s.transpose_a = call.flag("transpose_a");
    s.transpose_b = call.flag("transpose_b");
    s.M = call.dim(0, -2);
    s.N = call.dim(0, -1);
    s.K = call.dim(1, s.transpose_a ? -2 : -1);
    s.batch = call.rank(0) == 3 ? call.dim(0, 0) : 1;
    s.shared_a = call.rank(1) == 2;
    s.shared_b = call.rank(2) == 2;
    Args args = gemm_plan<T>(s);
    args.activation = activation_from(call.text("activation"));
    args.alpha = call.number("alpha");
    return args;
  }
  static int phases(const Args& args) { return gemm_phases(args); }
  static int64_t units(const Args& args, int phase) { return gemm_units<T>(args, phase); }
  static int64_t shared_bytes(const Args& args) { return gemm_shared_bytes<T>(args); }
  static int64_t local_bytes(const Args& args) { return gemm_local_bytes<T>(args); }
  static double cost(const Args& args) { return gemm_cost<T>(args); }

  static void run(T* out, const T* a, const T* b, const T* bias, const T* residual, const Args& args, const Units& u) {
    gemm_run<T>(args, {out, a, b, bias, residual}, u);
  }
};

void register_gemm(Table& table, bool doubles) {
  table.add<Gemm<float>>("gemm", DType::float32);
#if !defined(__AVX2__)
  if (doubles) table.add<Gemm<double>>("gemm", DType::float64);
#else
  (void)doubles;
#endif
}

}  // namespace gemmule::GEMMULE_ISA

// gemm: out = act(op(a) · op(b) + bias + residual), one matrix or a batch of them.
//
// This file plans a product and holds the strategy that leaves both operands where they lie; gemm_packed.h has those
// that copy one first, gemm_thin.h those for a single row or few columns. What is best depends on how often an element
// is used again: an element of b serves M rows, so for few rows a copy costs more than it saves.
#include "gemm.h"

#include "families.h"
#include "gemm_packed.h"
#include "gemm_thin.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kDepth = 512;           // k of one chain: few passes over out, and panels of b that L2 hardly notices
constexpr int64_t kFewRows = 192;         // up to here b is used too seldom to pay for a copy
constexpr int64_t kSmallB = 16 * 1024;    // elements of b that stay in the caches without a copy
constexpr int64_t kTurnedRows = 128;      // rows of a that are cheap to transpose: b is read in place instead
constexpr int64_t kShallow = 64;          // K up to which a transposed a is read in place
constexpr int64_t kFewDots = 3;           // rows for which dot products are worth their horizontal sums
constexpr int64_t kAliasing = 2048;       // bytes: rows this far apart, or a multiple of it, meet in few sets of L1
constexpr int64_t kTilesWorthCopy = 5;    // row tiles that use a panel of b
constexpr int64_t kColumns = 3072;        // packed columns of b: with kDepth, 6 MB, a share of L3
constexpr int64_t kUnitRows = 4;          // rows of one unit: threads make tiles of what they get
constexpr int64_t kTilesInL1 = 2;         // row tiles of out that are computed and finished from end to end
constexpr int64_t kManyUnits = 32;        // enough units for the threads of a large machine
constexpr int64_t kOwnProduct = 1 << 21;  // multiply-adds below which an entry of a batch is one unit
constexpr int64_t kTurnedDepth = 64;      // rows of k in one unit of the transposing phase
constexpr int64_t kDotRows = 16;          // rows of one unit of dot products
constexpr int64_t kColumnRows = 64;       // rows of one unit of few columns

// Multiply-adds a nanosecond on one core, between small products and large ones: for deciding on threads.
#if defined(__AVX512F__)
constexpr double kRate = 80;
#elif defined(__AVX2__)
constexpr double kRate = 40;
#else
constexpr double kRate = 14;
#endif

template <class T>
bool is_dots(const GemmShape& s) {
  return !s.transpose_a && s.transpose_b && s.K >= 4 * kLanes<T> && (s.M <= kFewDots || s.N <= kFewDots);
}

template <class T>
bool is_columns(const GemmShape& s) {
  return !kOneWay<T> && s.batch == 1 && !s.transpose_a && s.N <= kFewColumns && s.K <= kColumnVectors * kLanes<T> &&
         s.K > s.N && s.M >= 2 * kLanes<T> && s.N > 0;
}

// A small transposed b is copied in a phase of its own, and a is read in place.
bool is_small_transposed(const GemmShape& s) {
  return s.transpose_b && !s.transpose_a && s.batch == 1 && s.M > kTurnedRows && s.K * s.N <= kSmallB;
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
  if (is_columns<T>(s)) return Strategy::columns;
  if (!s.transpose_b) {
    if (s.M == 1 && s.K > 0) return Strategy::row;
    const bool small_b = s.K * s.N <= kSmallB;
    if (s.transpose_a ? s.K <= kShallow || (small_b && s.K <= kDepth) : small_b || s.M <= kFewRows)
      return Strategy::in_place;
  } else if (!s.transpose_a && s.M <= kTurnedRows && s.batch == 1) {
    return Strategy::turned;
  } else if (is_small_transposed(s)) {
    return Strategy::in_place;
  }
  return s.batch > 1 && s.M * s.N * s.K <= kOwnProduct ? Strategy::packed_own : Strategy::packed;
}

// Whether panels of an unpacked b are copied, because their rows would meet in few sets of L1.
template <class T>
bool copies_panels(const GemmPlan& p) {
  return !p.transpose_a && p.N * sizeof(T) % kAliasing == 0 && p.M > kTilesWorthCopy * kTileRows;
}

template <class T>
void lay_grid(GemmPlan& p) {
  p.row_blocks = p.column_blocks = 1;
  switch (p.strategy) {
    case Strategy::row:
      p.column_blocks = strips_of<T>(p.N, p.K);
      break;
    case Strategy::columns:
      p.row_blocks = max(1, p.M / kColumnRows);
      break;
    case Strategy::dots:
      p.row_blocks = ceil_div(max(p.M, p.N), kDotRows);
      break;
    case Strategy::turned:
      p.row_blocks = ceil_div(p.N, kUnitRows);
      break;
    case Strategy::in_place:
      // A transposed a goes by whole rows of out: the gradient of a weight, whose update is cut the same way.
      // Many rows write row after row, too: b is small then, and neither a nor out is gone through several times.
      if (!p.transpose_a && (p.M <= kFewRows || copies_panels<T>(p))) p.column_blocks = ceil_div(p.N, kTileColumns<T>);
      p.row_blocks = ceil_div(p.M, kUnitRows);
      if (p.column_blocks > 1)
        p.row_blocks = max(ceil_div(p.M, kFewRows), min(p.row_blocks, ceil_div(kManyUnits, p.column_blocks)));
      break;
    case Strategy::packed:
    case Strategy::packed_own:
      p.wide_blocks = max(1, ceil_div(p.N, kColumns));
      p.columns = round_up(ceil_div(p.N, p.wide_blocks), kTileColumns<T>);
      p.row_blocks = ceil_div(p.M, kUnitRows);
      p.column_blocks = max(1, min(ceil_div(kManyUnits, max(p.row_blocks, 1)), p.columns / (8 * kTileColumns<T>)));
      break;
  }
}

// --- nothing packed ------------------------------------------------------------------------------------------------

// out (M, N): rows [i0, i1), columns [j0, j1), panel by panel. `scratch` takes a panel of b when it is to be copied, or
// has all of it.
template <class T>
void multiply_in_place(const GemmPlan& p, const GemmOperands<T>& m, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                       T* scratch) {
  const Reading reading = p.transpose_a ? Reading::by_depth : Reading::by_rows;
  const int64_t a_row = p.transpose_a ? 1 : p.K, a_depth = p.transpose_a ? p.M : 1;
  const RowTiles tiles{i0, i1};
  TileJob<T> job;
  job.a_stride = p.transpose_a ? p.M : p.K;
  job.b_stride = p.kept_b ? kTileColumns<T> : p.N;
  job.b_ahead = kAhead * job.b_stride;
  job.c_stride = p.N;
  for (int64_t j = j0; j < j1; j += job.lanes) {
    const Width width = width_for<T>(j1 - j);
    job.lanes = columns_of<T>(width, j1 - j);
    for (int64_t block = 0; block < p.depth_blocks; ++block) {
      const int64_t k = block * p.depth;
      job.K = min(p.K - k, p.depth);
      job.b = m.b + k * p.N + j;
      if (p.copy_b) {
        pack_columns(scratch, job.b, p.N, false, job.K, min(j1 - j, kTileColumns<T>));
        job.b = scratch;
        job.b_stride = kTileColumns<T>;
        job.b_ahead = kAheadPacked * kTileColumns<T>;
      } else if (p.kept_b) {
        job.b = scratch + kept_offset<T>(p, j, k);
      }
      for (int64_t tile = 0; tile < tiles.count; ++tile) {
        const int64_t i = tiles.at(tile);
        job.a = m.a + i * a_row + k * a_depth;
        job.c = m.out + i * p.N + j;
        set_addend(job, block > 0, p.depth_blocks == 1 && m.bias ? m.bias + j : nullptr);
        run_tile(job, reading, tiles.at(tile + 1) - i, width);
      }
    }
  }
}

template <class T>
GemmOperands<T> entry_of(const GemmPlan& p, const GemmOperands<T>& m, int64_t entry) {
  const int64_t out = entry * p.M * p.N;
  GemmOperands<T> own = m;
  own.out += out;
  own.a += entry * p.a_step;
  own.b += entry * p.b_step;
  if (own.residual) own.residual += out;
  return own;
}

// The strategies that need no phases: row blocks [r0, r1) of one column block.
template <class T>
void run_cells(const GemmPlan& p, const GemmOperands<T>& m, int64_t r0, int64_t r1, int64_t column_block, T* scratch) {
  int64_t i0 = p.M * r0 / p.row_blocks, i1 = p.M * r1 / p.row_blocks, j0 = 0, j1 = p.N;
  Epilogue<T> epilogue = epilogue_of(p, m);
  if (p.depth_blocks == 1) epilogue.bias = nullptr;  // the tiles have added it
  if (p.strategy == Strategy::row) {
    j0 = strip_begin<T>(p.N, p.column_blocks, column_block);
    j1 = strip_begin<T>(p.N, p.column_blocks, column_block + 1);
    multiply_row(p, m, j0, j1);
  } else if (p.strategy == Strategy::in_place) {
    if (p.column_blocks > 1) j0 = column_block * kTileColumns<T>;
    if (p.column_blocks > 1) j1 = min(p.N, j0 + kTileColumns<T>);
    // Products that are one block wide write row after row.
    const RowTiles tiles{i0, i1};
    const int64_t steps = p.column_blocks > 1 ? 1 : ceil_div(tiles.count, p.transpose_a ? 1 : kTilesInL1);
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t begin = tiles.at(tiles.count * s / steps), end = tiles.at(tiles.count * (s + 1) / steps);
      multiply_in_place(p, m, begin, end, j0, j1, scratch);
      epilogue.finish(m.out, p.N, begin, end, j0, j1);
    }
    return;
  } else if (p.strategy == Strategy::columns) {
    if constexpr (!kOneWay<T>) {
      epilogue.bias = m.bias;
      ColumnsOf<T, typename MakeIndices<kFewColumns>::type>::table[p.N - 1](p, m, i0, i1);
    }
  } else {
    epilogue.bias = m.bias;
    const int64_t many = max(p.M, p.N), first = many * r0 / p.row_blocks, last = many * r1 / p.row_blocks;
    multiply_dots(p, m, first, last);
    if (p.M <= p.N) {
      i0 = 0, i1 = p.M, j0 = first, j1 = last;
    } else {
      i0 = first, i1 = last;
    }
  }
  epilogue.finish(m.out, p.N, i0, i1, j0, j1);
}

// Units go down the columns first, and those of one column block are done together: its panel of b stays in L1.
template <class T>
void run_grid(const GemmPlan& p, const GemmOperands<T>& m, int64_t first, int64_t last, T* scratch) {
  while (first < last) {
    const int64_t column = first / p.row_blocks, entry = column / p.column_blocks, begin = column * p.row_blocks;
    const int64_t end = min(last, begin + p.row_blocks);
    run_cells(p, entry_of(p, m, entry), first - begin, end - begin, column % p.column_blocks, scratch);
    first = end;
  }
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
  p.kept_b = p.strategy == Strategy::in_place && s.transpose_b;
  p.copy_b = !p.kept_b && copies_panels<T>(p);
  return p;
}

template <class T>
bool gemm_keep_b(GemmPlan& p) {
  if (p.kept_b) return true;
  const bool panels = p.strategy == Strategy::packed || (p.strategy == Strategy::in_place && !p.transpose_a);
  p.kept_b = panels && p.batch == 1 && (p.K * p.N > kSmallB || p.M > kFewRows);
  if (p.kept_b) p.copy_b = 0;
  return p.kept_b != 0;
}

int gemm_phases(const GemmPlan& p) {
  if (p.strategy == Strategy::turned || p.kept_b) return 2;
  return p.strategy == Strategy::packed ? static_cast<int>(2 * p.batch * p.wide_blocks * p.depth_blocks) : 1;
}

template <class T>
int64_t gemm_units(const GemmPlan& p, int phase) {
  if (p.M == 0 || p.N == 0) return 0;
  if (p.kept_b && phase == 0) return ceil_div(p.N, kTileColumns<T>);
  if (p.kept_b) return p.row_blocks * p.column_blocks;
  if (p.strategy == Strategy::packed_own) return p.batch;
  if (p.strategy == Strategy::turned && phase == 0) return ceil_div(p.M, kTileColumns<T>) * ceil_div(p.K, kTurnedDepth);
  if (p.strategy == Strategy::packed)
    return phase % 2 == 0 ? block_of_phase<T>(p, phase / 2).panels : p.row_blocks * p.column_blocks;
  return p.batch * p.row_blocks * p.column_blocks;
}

template <class T>
int64_t gemm_shared_bytes(const GemmPlan& p) {
  if (p.kept_b) return round_up(p.N, kTileColumns<T>) * p.K * sizeof(T);
  if (p.strategy == Strategy::turned) return round_up(p.M, kTileColumns<T>) * p.K * sizeof(T);
  return p.strategy == Strategy::packed ? p.depth * p.columns * sizeof(T) : 0;
}

template <class T>
int64_t gemm_local_bytes(const GemmPlan& p) {
  switch (p.strategy) {
    case Strategy::in_place:
      return p.copy_b ? p.depth * kTileColumns<T> * sizeof(T) : 0;
    case Strategy::packed:
      return packed_rows_bytes<T>(p);
    case Strategy::packed_own:
      return packed_rows_bytes<T>(p) + p.depth * p.columns * sizeof(T);
    default:
      return 0;
  }
}

template <class T>
double gemm_cost(const GemmPlan& p) {
  const double products = static_cast<double>(p.batch) * p.M * p.N * p.K * (sizeof(T) / 4);
  const double bytes = static_cast<double>(p.batch) * (p.M * p.K + p.K * p.N + 2 * p.M * p.N) * sizeof(T);
  return 20 + products / kRate + bytes / 100;
}

template <class T>
void gemm_run(const GemmPlan& p, const GemmOperands<T>& m, const Units& u) {
  T* const local = static_cast<T*>(u.local);
  T* const shared = static_cast<T*>(u.shared);
  if (p.strategy == Strategy::turned) {
    if (u.phase == 0) return turn_rows(p, m.a, u.first, u.last, kTurnedDepth, shared);
    return multiply_turned(p, m, u.first, u.last, shared);
  }
  if (u.phase % 2 == 0 && (p.kept_b || p.strategy == Strategy::packed)) {
    const PackedBlock block = p.kept_b ? whole_of<T>(p) : block_of_phase<T>(p, u.phase / 2);
    return pack_panels(p, entry_of(p, m, block.entry).b, block, u.first, u.last, shared);
  }
  if (p.strategy == Strategy::packed) {
    const int64_t first = p.kept_b ? 0 : u.phase / 2, last = p.kept_b ? p.wide_blocks * p.depth_blocks : first + 1;
    for (int64_t b = first; b < last; ++b) {
      const PackedBlock block = block_of_phase<T>(p, b);
      const T* const packed = shared + (p.kept_b ? kept_offset<T>(p, block.j0, block.k0) : 0);
      multiply_packed(p, entry_of(p, m, block.entry), block, u.first, u.last, packed, local);
    }
    return;
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
  run_grid(p, m, u.first, u.last, p.kept_b ? shared : local);
}

#define GEMMULE_GEMM(T)                                   \
  template GemmPlan gemm_plan<T>(const GemmShape&);       \
  template int64_t gemm_units<T>(const GemmPlan&, int);   \
  template int64_t gemm_shared_bytes<T>(const GemmPlan&); \
  template int64_t gemm_local_bytes<T>(const GemmPlan&);  \
  template double gemm_cost<T>(const GemmPlan&);          \
  template bool gemm_keep_b<T>(GemmPlan&);                \
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
  static int keep(Args& args) { return gemm_keep_b<T>(args) ? 2 : -1; }

  static void run(T* out, const T* a, const T* b, const T* bias, const T* residual, const Args& args, const Units& u) {
    gemm_run<T>(args, {out, a, b, bias, residual}, u);
  }
};

void register_gemm(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { table.add<Gemm<T>>("gemm", dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

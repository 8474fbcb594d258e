// The strategies of gemm that copy an operand first.
//
// packed: b in blocks of (depth, columns), copied by all threads in one phase and used by all in the next; each thread
// copies the rows of a it is about to use. One panel of b (depth × 32) then stays in L1 while a block of panels of a
// streams past it from L2.
//
// turned: out = a · bᵀ for few rows is computed as outᵀ = b · aᵀ. Only a, which is small, is transposed; b is broadcast
// from where it lies, once.
#pragma once
#include "gemm.h"
#include "gemm_pack.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kAhead = 64;             // rows of an unpacked b to prefetch: an L3 latency of tile steps
constexpr int64_t kOutInL2 = 1024 * 1024;  // bytes of out up to which nothing of it needs fetching
constexpr int64_t kAheadPacked = 16;       // rows of a packed panel

// Bytes of packed a at a time, about half of L2: processors with AVX-512 have a megabyte or more.
#if defined(__AVX512F__)
constexpr int64_t kRowsInL2 = 640 * 1024;
#else
constexpr int64_t kRowsInL2 = 256 * 1024;
#endif

template <class T>
Epilogue<T> epilogue_of(const GemmPlan& p, const GemmOperands<T>& m) {
  return {m.bias, m.residual, p.activation, static_cast<T>(p.alpha), m.scale, m.shift};
}

// A tile adds the sums of the blocks of K before it, or the bias, or nothing.
template <class T>
GEMMULE_INLINE void set_addend(TileJob<T>& job, bool continued, const T* bias) {
  job.addend = continued ? job.c : bias;
  job.addend_stride = continued ? job.c_stride : 0;
}

template <class T>
bool is_far(const GemmPlan& p) {
  return p.M * p.N * static_cast<int64_t>(sizeof(T)) > kOutInL2;
}

// What a tile will be added to, and stored over, is on its way while the tile computes: no pattern tells the hardware.
template <class T>
GEMMULE_INLINE void prefetch_tile(const T* c, int64_t stride, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) {
    __builtin_prefetch(c + i * stride, 1);
    __builtin_prefetch(c + i * stride + kTileColumns<T> - 1, 1);
  }
}

// --- turned --------------------------------------------------------------------------------------------------------

// Units of (panel of a, `chunk` of K): shared[panel][k][i] = a (M, K) transposed, padded to kTileColumns.
template <class T>
void turn_rows(const GemmPlan& p, const T* a, int64_t first, int64_t last, int64_t chunk, T* shared) {
  constexpr int C = kTileColumns<T>;
  const int64_t chunks = ceil_div(p.K, chunk);
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t i = unit / chunks * C, k = unit % chunks * chunk;
    pack_columns(shared + i * p.K + k * C, a + i * p.K + k, p.K, true, min(chunk, p.K - k), min(C, p.M - i));
  }
}

// Units of a few columns of out.
template <class T>
void multiply_turned(const GemmPlan& p, const GemmOperands<T>& m, int64_t first, int64_t last, const T* turned) {
  constexpr int C = kTileColumns<T>;
  alignas(64) T buffer[kTileRows * C];
  const Epilogue<T> epilogue = epilogue_of(p, m);
  TileJob<T> job;
  job.a_stride = p.K;
  job.b_stride = C;
  job.b_ahead = kAheadPacked * C;
  job.c = buffer;
  job.c_stride = C;
  const RowTiles tiles{p.N * first / p.row_blocks, p.N * last / p.row_blocks};
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    const int64_t j0 = tiles.at(tile), j1 = tiles.at(tile + 1);
    for (int64_t i = 0; i < p.M; i += C) {
      const int64_t rows = min(C, p.M - i);
      for (int64_t k = 0; k < max(p.K, 1); k += p.depth) {
        job.K = min(p.depth, p.K - k);
        job.a = m.b + j0 * p.K + k;
        job.b = turned + i * p.K + k * C;
        set_addend<T>(job, k > 0, nullptr);
        run_tile(job, Reading::by_rows, j1 - j0, rows > kLanes<T> ? Width::two_vectors : Width::one_vector);
      }
      store_transposed(m.out + i * p.N + j0, p.N, buffer, j1 - j0, rows);
      epilogue.finish(m.out, p.N, i, i + rows, j0, j1);
    }
  }
}

// --- packed --------------------------------------------------------------------------------------------------------

struct PackedBlock {
  int64_t entry;
  int64_t j0, j1;  // columns of out
  int64_t k0, k1;
  int64_t panels;
  int64_t panel_step;  // elements from one packed panel to the next
};

// Blocks of K innermost, so that a block of out is finished before the next begins.
template <class T>
PackedBlock block_of_phase(const GemmPlan& p, int64_t index) {
  const int64_t j0 = index / p.depth_blocks % p.wide_blocks * p.columns, k0 = index % p.depth_blocks * p.depth;
  const int64_t j1 = min(p.N, j0 + p.columns), k1 = min(p.K, k0 + p.depth);
  return {index / p.depth_blocks / p.wide_blocks,      j0, j1, k0, k1, ceil_div(j1 - j0, kTileColumns<T>),
          kTileColumns<T> * (p.kept_b ? p.K : k1 - k0)};
}

// A b that is kept: whole panels, in which any block is found.
template <class T>
PackedBlock whole_of(const GemmPlan& p) {
  return {0, 0, p.N, 0, p.K, ceil_div(p.N, kTileColumns<T>), kTileColumns<T> * p.K};
}

template <class T>
int64_t kept_offset(const GemmPlan& p, int64_t j, int64_t k) {
  constexpr int64_t C = kTileColumns<T>;
  return j / C * C * p.K + k * C + j % C;
}

template <class T>
int64_t tiles_in_l2(const GemmPlan& p) {
  return max(1, min(ceil_div(p.M, kTileRows), kRowsInL2 / (kTileRows * p.depth * static_cast<int64_t>(sizeof(T)))));
}

template <class T>
int64_t packed_rows_bytes(const GemmPlan& p) {
  return round_up((tiles_in_l2<T>(p) * kTileRows * p.depth + kLanes<T>)*sizeof(T), 64);
}

template <class T>
void pack_panels(const GemmPlan& p, const T* b, const PackedBlock& block, int64_t first, int64_t last, T* packed) {
  constexpr int C = kTileColumns<T>;
  const int64_t depth = block.k1 - block.k0;
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t j = block.j0 + panel * C;
    const T* from = p.transpose_b ? b + j * p.K + block.k0 : b + block.k0 * p.N + j;
    pack_columns(packed + panel * block.panel_step, from, p.transpose_b ? p.K : p.N, p.transpose_b, depth,
                 min(C, block.j1 - j));
  }
}

// Rows of out against panels [c0, c1) of a packed block of b.
template <class T>
void multiply_tiles(const GemmPlan& p, const GemmOperands<T>& m, const PackedBlock& block, const RowTiles& tiles,
                    int64_t c0, int64_t c1, const T* packed, T* local) {
  constexpr int C = kTileColumns<T>;
  const int64_t depth = block.k1 - block.k0;
  const bool whole = p.depth_blocks == 1;
  const bool far = is_far<T>(p);
  const T* const residual = far && block.k1 == p.K ? m.residual : nullptr;
  Epilogue<T> epilogue = epilogue_of(p, m);
  if (whole) epilogue.bias = nullptr;  // the tiles add it
  TileJob<T> job;
  job.K = depth;
  job.b_stride = C;
  job.b_ahead = kAheadPacked * C;
  job.c_stride = p.N;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int64_t i = tiles.at(t), rows = tiles.at(t + 1) - i;
    const T* from = p.transpose_a ? m.a + block.k0 * p.M + i : m.a + i * p.K + block.k0;
    pack_rows(local + t * kTileRows * depth, from, p.transpose_a ? p.M : p.K, p.transpose_a, rows, depth);
  }
  for (int64_t panel = c0; panel < c1; ++panel) {
    const int64_t j0 = block.j0 + panel * C, j1 = min(j0 + C, block.j1);
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t i = tiles.at(t), rows = tiles.at(t + 1) - i;
      job.a = local + t * kTileRows * depth;
      job.a_stride = rows;
      for (int64_t j = j0; j < j1; j += job.lanes) {
        const Width width = width_for<T>(j1 - j);
        job.b = packed + panel * block.panel_step + j - j0;
        job.c = m.out + i * p.N + j;
        job.lanes = columns_of<T>(width, j1 - j);
        set_addend(job, block.k0 > 0, whole && m.bias ? m.bias + j : nullptr);
        if (far) prefetch_tile(job.c, p.N, rows);
        if (residual) prefetch_tile(residual + i * p.N + j, p.N, rows);
        run_tile(job, Reading::by_depth, rows, width);
      }
      if (block.k1 == p.K) epilogue.finish(m.out, p.N, i, i + rows, j0, j1);
    }
  }
}

// Units are a few rows each, once more for each range of columns. What falls to one thread it cuts into tiles.
template <class T>
void multiply_packed(const GemmPlan& p, const GemmOperands<T>& m, const PackedBlock& block, int64_t first, int64_t last,
                     const T* packed, T* local) {
  const int64_t step = tiles_in_l2<T>(p);
  while (first < last) {
    const int64_t range = first / p.row_blocks, begin = range * p.row_blocks, end = min(last, begin + p.row_blocks);
    const int64_t c0 = block.panels * range / p.column_blocks, c1 = block.panels * (range + 1) / p.column_blocks;
    const RowTiles tiles{p.M * (first - begin) / p.row_blocks, p.M * (end - begin) / p.row_blocks};
    const int64_t rounds = ceil_div(tiles.count, step);
    for (int64_t r = 0; r < rounds; ++r) {
      const RowTiles some{tiles.at(tiles.count * r / rounds), tiles.at(tiles.count * (r + 1) / rounds)};
      multiply_tiles(p, m, block, some, c0, c1, packed, local);
    }
    first = end;
  }
}

}  // namespace gemmule::GEMMULE_ISA

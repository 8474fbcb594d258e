// Copies of matrix blocks in the order the tiles read them.
#pragma once
#include "gemm_tile.h"

namespace gemmule::GEMMULE_ISA {

// A panel of `rows` rows of a, ready for Reading::by_depth: out[k * rows + i].
// Vectors are stored whole, each over the tail of the one before: out needs kLanes<T> elements of slack.
template <class T>
void pack_rows(T* out, const T* a, int64_t stride, bool transposed, int64_t rows, int64_t K) {
  constexpr int L = kLanes<T>;
  if (transposed) {
    for (int64_t k = 0; k < K; ++k)
      for (int64_t i = 0; i < rows; i += L) store<T>(out + k * rows + i, load_partial(a + k * stride + i, rows - i));
    return;
  }
  int64_t k = 0;
  for (; k + L <= K; k += L) {
    for (int64_t i = 0; i < rows; i += L) {
      Vec<T> block[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) block[q] = i + q < rows ? load(a + (i + q) * stride + k) : zero<T>();
      transpose<T>(block);
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) {
        if (rows <= L)
          store<T>(out + (k + q) * rows, block[q]);
        else
          store_partial<T>(out + (k + q) * rows + i, block[q], rows - i);
      }
    }
  }
  for (; k < K; ++k)
    for (int64_t i = 0; i < rows; ++i) out[k * rows + i] = a[i * stride + k];
}

// Up to kTileColumns columns of b, padded with zeros: out[k * kTileColumns + j].
template <class T>
void pack_columns(T* out, const T* b, int64_t stride, bool transposed, int64_t K, int64_t columns) {
  constexpr int L = kLanes<T>, C = kTileColumns<T>;
  if (!transposed) {
    for (int64_t k = 0; k < K; ++k)
      for (int64_t j = 0; j < C; j += L)
        store<T>(out + k * C + j, load_partial(b + k * stride + j, max(columns - j, 0)));
    return;
  }
  for (int64_t j = 0; j < C; j += L) {
    int64_t k = 0;
    for (; k + L <= K; k += L) {
      Vec<T> block[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) block[q] = j + q < columns ? load(b + (j + q) * stride + k) : zero<T>();
      transpose<T>(block);
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) store<T>(out + (k + q) * C + j, block[q]);
    }
    for (; k < K; ++k)
      for (int64_t q = 0; q < L; ++q) out[k * C + j + q] = j + q < columns ? b[(j + q) * stride + k] : T(0);
  }
}

// out[j * stride + i] = tile[i * kTileColumns + j] for i < rows, j < columns.
template <class T>
void store_transposed(T* out, int64_t stride, const T* tile, int64_t rows, int64_t columns) {
  constexpr int L = kLanes<T>;
  for (int64_t i = 0; i < rows; i += L) {
    for (int64_t j = 0; j < columns; j += L) {
      Vec<T> block[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) block[q] = i + q < rows ? load(tile + (i + q) * kTileColumns<T> + j) : zero<T>();
      transpose<T>(block);
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q)
        if (j + q < columns) store_partial<T>(out + (j + q) * stride + i, block[q], rows - i);
    }
  }
}

}  // namespace gemmule::GEMMULE_ISA

// The tiles of one block of y, one panel of filters and one block of channels (conv2d_direct.h).
#pragma once
#include "conv2d_field.h"
#include "conv2d_groups.h"
#include "gemm_tile.h"

namespace gemmule::GEMMULE_ISA {

// Where the taps of a block of channels and a panel of filters lie.
template <class T>
struct PanelView {
  const T* at;      // kh = kw = 0, first channel, first filter
  int64_t channel;  // steps
  int64_t row, column;
  int64_t ahead;  // channels to prefetch
};

// One panel of filters against one block of channels, on a block of y.
template <class T>
struct PanelJob {
  const T* x;  // pixel (0, 0) of the first image of the block, which need not exist
  int64_t channels;
  PanelView<T> w;
  T* y;  // of the first filter of the panel
  const T* residual;
  int64_t filters;
  bool first, last;  // block of channels
  Epilogue<T> epilogue;
  bool far;            // y lies in memory: it is fetched while its tile computes
  int64_t soon_lines;  // to fetch for each tile
};

template <class T>
class Tiles {
 public:
  Tiles(const DirectPlan& plan, const Block& block, const PanelJob<T>& panel_job, Soon& reads)
      : p(plan), b(block), q(panel_job), soon(reads), epilogue(panel_job.epilogue) {}

  void run() {
    job.b_stride = q.w.channel;
    job.b_ahead = q.w.ahead * q.w.channel;
    job.taps = {p.shape.KH, p.shape.KW, p.shape.DH * p.field.row, p.shape.DW * p.field.column, q.w.row, q.w.column};
    runs = job.taps.a_column == q.channels && q.w.column == q.channels * q.w.channel;
    if (q.first && q.last) {
      bias = epilogue.bias;
      epilogue.bias = nullptr;  // the tiles add it
    }
    job.a_stride = p.rows == Rows::images ? p.field.image : p.shape.SW * p.field.column;
    job.c_stride = p.rows == Rows::images ? p.shape.y.image : p.shape.y.column;
    for (int64_t oh = b.oh0; oh < b.oh1; ++oh) {
      const int64_t h = oh * p.shape.SH - p.shape.PT;
      const TapRange rows =
          p.rows == Rows::two_rows ? TapRange{0, p.shape.KH} : taps_inside(h, p.shape.DH, p.shape.KH, p.shape.H);
      job.taps.rows = rows.last - rows.first;
      row = q.x + (h + rows.first * p.shape.DH) * p.field.row;
      panel = q.w.at + rows.first * q.w.row;
      if (p.rows == Rows::images)
        by_images(oh);
      else if (p.rows == Rows::two_rows && oh + 1 < b.oh1)
        two_rows(oh++);
      else
        by_columns(oh);
    }
  }

 private:
  const DirectPlan& p;
  const Block& b;
  const PanelJob<T>& q;
  Soon& soon;
  Epilogue<T> epilogue;
  TileJob<T> job{};
  bool runs = false;  // the taps of a row are one run of numbers, in x as in w
  const T* bias = nullptr;
  const T* row = nullptr;    // of x, pixel 0
  const T* panel = nullptr;  // of w, tap 0

  void by_columns(int64_t oh) {
    set_columns({0, p.shape.KW});
    int64_t n = b.n0;
    if (p.rows == Rows::two_images)
      for (; n + 2 <= b.n1; n += 2) two_bands(n, oh, p.field.image, p.shape.y.image);
    const RowTiles tiles{0, p.shape.OW};
    for (; n < b.n1; ++n) {
      for (int64_t t = 0, ow = 0; t < tiles.count; ++t) {
        const int64_t end = tiles.at(t + 1);
        place(row_at(n, ow * p.shape.SW - p.shape.PL), panel, offset_of(n, oh, ow), end - ow, 1);
        ow = end;
      }
    }
  }

  void two_rows(int64_t oh) {
    set_columns({0, p.shape.KW});
    for (int64_t n = b.n0; n < b.n1; ++n) two_bands(n, oh, p.shape.SH * p.field.row, p.shape.y.row);
  }

  void two_bands(int64_t n, int64_t oh, int64_t a_band, int64_t c_band) {
    job.a_band = a_band;
    job.c_band = c_band;
    place(row_at(n, -p.shape.PL), panel, offset_of(n, oh, 0), p.shape.OW, 2);
  }

  void by_images(int64_t oh) {
    const RowTiles tiles{b.n0, b.n1};
    for (int64_t ow = 0; ow < p.shape.OW; ++ow) {
      const int64_t v = ow * p.shape.SW - p.shape.PL;
      const TapRange columns = taps_inside(v, p.shape.DW, p.shape.KW, p.shape.W);
      set_columns(columns);
      for (int64_t t = 0, n = b.n0; t < tiles.count; ++t) {
        const int64_t end = tiles.at(t + 1);
        place(row_at(n, v + columns.first * p.shape.DW), panel + columns.first * q.w.column, offset_of(n, oh, ow),
              end - n, 1);
        n = end;
      }
    }
  }

  const T* row_at(int64_t n, int64_t column) const {
    return row + (n - b.n0) * p.field.image + column * p.field.column;
  }

  int64_t offset_of(int64_t n, int64_t oh, int64_t ow) const {
    return n * p.shape.y.image + oh * p.shape.y.row + ow * p.shape.y.column;
  }

  void set_columns(TapRange columns) {
    const int64_t count = columns.last - columns.first;
    job.K = runs ? count * q.channels : q.channels;
    job.taps.columns = runs ? 1 : count;
  }

  // The positions at y + offset, `rows` in each of the bands.
  void place(const T* a, const T* from, int64_t offset, int64_t rows, int bands) {
    soon.fetch(q.soon_lines);
    job.a = a;
    for (int64_t j = 0; j < q.filters; j += job.lanes) {
      const Width width = p.group_size > 0 ? Width::one_vector : width_for<T>(q.filters - j);
      job.lanes = columns_of<T>(width, q.filters - j);
      job.b = from + j;
      job.c = q.y + offset + j;
      set_addend(j);
      if (q.far) fetch_y(rows, bands);
      if (p.group_size > 0) {
        job.a = a + j;
        run_grouped_tile(job, rows, p.group_size);
      } else if (bands == 2)
        run_banded_tile(job, rows, width);
      else
        run_tile(job, Reading::by_rows, rows, width);
    }
    if (!q.last || (epilogue.idle() && !q.residual)) return;
    for (int64_t band = 0; band < bands; ++band) {
      const int64_t at = offset + band * job.c_band;
      if (q.residual) epilogue.residual = q.residual + at;
      epilogue.finish(q.y + at, job.c_stride, 0, rows, 0, q.filters);
    }
  }

  // A tile adds the sums of the channels before it, or the bias, or nothing.
  void set_addend(int64_t j) {
    job.addend = !q.first ? job.c : bias ? bias + j : nullptr;
    job.addend_stride = q.first ? 0 : job.c_stride;
    job.addend_band = q.first ? 0 : job.c_band;
  }

  void fetch_y(int64_t rows, int bands) const {
    for (int64_t band = 0; band < bands; ++band) {
      for (int64_t i = 0; i < rows; ++i) {
        const T* const c = job.c + band * job.c_band + i * job.c_stride;
        __builtin_prefetch(c, 1);
        __builtin_prefetch(c + job.lanes - 1, 1);
      }
    }
  }
};

}  // namespace gemmule::GEMMULE_ISA

// The gradient of a convolution's kernel, exactly:
//
//   dw[kh, kw, c, o] = sum over n, oh, ow of x[n, oh·SH + kh·DH − PT, ow·SW + kw·DW − PL, c] · dy[n, oh, ow, o]
//
// That is, for each tap (kh, kw), a product xᵀ · dy over the output positions for which the tap lies inside the image.
// The positions are cut into blocks whose part of x and dy stays in the nearest caches; x is read where it lies, dy is
// copied into panels as wide as a tile. A tile broadcasts channels and multiplies them with vectors of filters, but:
//
//   folded   with few channels, the entries (kw, c) of one row of the kernel are the rows of the tile instead: channels
//            last makes them neighbours, so a copy of the rows of x, between zeros, serves all of them
//   turned   with few filters, these are broadcast, and multiplied with vectors of channels
//   grouped  with few channels in each group, a vector holds several groups of both
//
// The channels of one group are short pieces of pixels that lie far apart: x is copied before it is read once for each
// tap, for a few groups at a time, whose pieces are neighbours.
//
// Blocks are dealt to `slices`, by shape alone, each with a dw of its own; a second phase adds these in order. The sums
// for db are kept block by block instead: how dy is cut into blocks depends on N, OH and OW only, so db has the same
// bits whatever the kernel, and whether or not dw is asked for.
#pragma once
#include "conv2d_weights_plan.h"
#include "conv2d_weights_tile.h"

namespace gemmule::GEMMULE_ISA {

// --- Copies --------------------------------------------------------------------------------------------------------

// `count` pixels of one row of x, from `column` on in steps; zeros outside the image. May write a vector too much.
template <class T>
void copy_row_part(T* out, const T* row, const ConvShape& s, int64_t column, int64_t step, int64_t count) {
  const int64_t channels = s.group_channels();
  const Range inside = outputs_inside(column, step, count, s.W);
  for (int64_t i = 0; i < inside.begin * channels; ++i) out[i] = 0;
  const T* const from = row + column * s.C;
  if (s.G == 1 && step == 1) {
    for (int64_t i = inside.begin * channels; i < inside.end * channels; i += kLanes<T>)
      store<T>(out + i, load_partial(from + i, inside.end * channels - i));
  } else {
    for (int64_t j = inside.begin; j < inside.end; ++j)
      for (int64_t c = 0; c < channels; ++c) out[j * channels + c] = from[j * step * s.C + c];
  }
  for (int64_t i = inside.end * channels; i < count * channels; ++i) out[i] = 0;
}

// Folded: the rows of x that a block looks at, channels from c0 on. With dilation the taps of each output are copied.
template <class T>
void copy_rows(T* out, const T* x, const WeightsPlan& p, const WeightsBlock& block, int64_t c0) {
  const ConvShape& s = p.s;
  const int64_t channels = s.group_channels(), width = p.folded_width(block.width);
  const int64_t h0 = block.oh0 * s.SH - s.PT, w0 = block.ow0 * s.SW - s.PL;
  for (int64_t n = 0; n < block.images; ++n) {
    for (int64_t h = h0; h < h0 + p.reach(block.height); ++h, out += width * channels) {
      if (h < 0 || h >= s.H) continue;
      const T* const row = x + ((block.n0 + n) * s.H + h) * s.W * s.C + c0;
      if (s.DW == 1) {
        copy_row_part(out, row, s, w0, 1, width);
      } else {
        for (int64_t j = 0; j < block.width; ++j)
          copy_row_part(out + j * s.KW * channels, row, s, w0 + j * s.SW, s.DW, s.KW);
      }
    }
  }
}

// Strips [first, last) of the part of x that a block looks at; what lies outside x is not written.
template <class T>
void copy_strips(T* out, const T* x, const WeightsPlan& p, const WeightsBlock& block, int64_t first, int64_t last) {
  const ConvShape& s = p.s;
  const int64_t width = p.reach_across(block.width), height = p.reach(block.height);
  const int64_t h0 = block.oh0 * s.SH - s.PT, w0 = block.ow0 * s.SW - s.PL;
  const int64_t begin = max(0, w0), end = min(s.W, w0 + width);
  for (int64_t n = 0; n < block.images; ++n) {
    for (int64_t h = max(0, h0); h < min(s.H, h0 + height); ++h) {
      T* const to = out + ((n * height + h - h0) * width + begin - w0) * p.strip;
      const T* const from = x + (((block.n0 + n) * s.H + h) * s.W + begin) * s.C;
      for (int64_t i = first; i < last; ++i)
        copy_pixels(to + (i - first) * p.strip_size(), p.strip, from + i * p.strip, s.C, end - begin,
                    min(p.strip, s.C - i * p.strip));
    }
  }
}

// Filters [o0, o0 + columns) of the block's dy, V vectors: copied to `out` with zeros behind them, and summed to db.
template <class T, int V, bool copied, bool summed>
void take_filters(T* out, T* db, const T* dy, const ConvShape& s, const WeightsBlock& block, int64_t o0,
                  int64_t columns) {
  constexpr int L = kLanes<T>;
  const int64_t lanes = columns - (V - 1) * L;
  Vec<T> sum[4][V] = {};
  for (int64_t r = 0; r < block.images * block.height; ++r) {
    const int64_t n = block.n0 + r / block.height, oh = block.oh0 + r % block.height;
    const T* from = dy + ((n * s.OH + oh) * s.OW + block.ow0) * s.O + o0;
    const auto take = [&](Vec<T>* sums) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const Vec<T> values = v < V - 1 ? load(from + v * L) : load_partial(from + v * L, lanes);
        if (copied) store<T>(out + v * L, values);
        if (summed) sums[v] += values;
      }
      from += s.O;
      if (copied) out += V * L;
    };
    int64_t j = 0;
    for (; j + 4 <= block.width; j += 4)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) take(sum[q]);
    for (; j < block.width; ++j) take(sum[0]);
  }
  if (!summed) return;
  for (int v = 0; v < V; ++v) {
    const Vec<T> all = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
    store_partial<T>(db + o0 + v * L, all, v < V - 1 ? L : lanes);
  }
}

template <class T>
void take_panel(T* out, T* db, const T* dy, const WeightsPlan& p, const WeightsBlock& block, int64_t o0,
                int64_t columns) {
  using Take = void (*)(T*, T*, const T*, const ConvShape&, const WeightsBlock&, int64_t, int64_t);
  static constexpr Take takes[2][2][2] = {{{nullptr, &take_filters<T, 1, false, true>},
                                           {&take_filters<T, 1, true, false>, &take_filters<T, 1, true, true>}},
                                          {{nullptr, &take_filters<T, 2, false, true>},
                                           {&take_filters<T, 2, true, false>, &take_filters<T, 2, true, true>}}};
  if (!p.copied && !p.has_db) return;
  takes[columns > kLanes<T>][p.copied][p.has_db](out, db, dy, p.s, block, o0, columns);
}

// --- Blocks --------------------------------------------------------------------------------------------------------

// Memory that will be read soon, in the order in which it lies: tiles fetch `step` bytes of it for each position.
struct Fetching {
  const char* at = nullptr;
  int64_t left = 0, step = 0;
  const char* then = nullptr;
  int64_t then_left = 0;

  void advance(int64_t positions) {
    at += positions * step;
    left -= positions * step;
    if (left > 0) return;
    at = then;
    left = then_left;
    then_left = 0;
    if (left == 0) step = 0;
  }
};

// What one slice works with.
template <class T>
struct WeightsSlice {
  T *dw, *db;
  const T *x, *dy;
  T *packed_x, *packed_dy;
  int64_t strip;  // the first one in packed_x
  Fetching soon;
  Soon strips[2];       // of dy and of x, for the next block
  int64_t strip_lines;  // to fetch for each tap of a tile
};

// What the next block reads: rows of one image, or whole images, which are neighbours.
template <class T>
Fetching next_reads(const WeightsPlan& p, const T* x, const T* dy, const WeightsBlock& next, int64_t tiles) {
  const ConvShape& s = p.s;
  const int64_t size = sizeof(T), x_row = s.W * s.C * size, dy_row = s.OW * s.O * size;
  const int64_t h = next.oh0 * s.SH - s.PT, last = next.n0 + next.images - 1;
  const int64_t h0 = next.n0 * s.H + max(0, h), h1 = last * s.H + min(s.H, h + p.reach(next.height));
  const int64_t oh0 = next.n0 * s.OH + next.oh0, oh1 = last * s.OH + next.oh0 + next.height;
  Fetching f;
  f.at = reinterpret_cast<const char*>(dy) + oh0 * dy_row;
  f.left = (oh1 - oh0) * dy_row;
  f.then = reinterpret_cast<const char*>(x) + h0 * x_row;
  f.then_left = max(0, h1 - h0) * x_row;
  f.step = ceil_div(f.left + f.then_left, max(1, tiles * next.positions()));
  return f;
}

// The same for the strips of some panels.
template <class T>
void fetch_strips(const WeightsPlan& p, WeightsSlice<T>& m, const WeightsBlock& next, int64_t first, int64_t last,
                  int64_t taps) {
  const ConvShape& s = p.s;
  const int64_t size = sizeof(T), h = next.oh0 * s.SH - s.PT, image = next.n0 * s.H;
  const int64_t h0 = image + max(0, h), h1 = image + (next.images - 1) * s.H + min(s.H, h + p.reach(next.height));
  const int64_t columns = p.way == WeightsPlan::Way::grouped ? kLanes<T> : ceil_div(s.group_filters(), p.panels);
  const int64_t strips = ceil_div(last, p.strip_panels()) - m.strip;
  const auto pieces = [&](const T* at, int64_t pixels, int64_t channels, int64_t step) {
    return Soon{reinterpret_cast<const char*>(at), ceil_div(channels * size, 64), pixels, step * size};
  };
  m.strips[0] = pieces(m.dy + (next.n0 * s.OH + next.oh0) * s.OW * s.O + first * columns, next.positions(),
                       (last - first) * columns, s.O);
  m.strips[1] = pieces(m.x + h0 * s.W * s.C + m.strip * p.strip, max(0, h1 - h0) * s.W, strips * p.strip, s.C);
  int64_t lines = 0;
  for (const Soon& soon : m.strips) lines += soon.lines * soon.pieces;
  m.strip_lines = ceil_div(lines, taps);
}

// One operand of a block's products: from one output to the next, and from one tap to the next.
template <class T>
struct WeightsOperand {
  const T* at;
  int64_t step, row, image;
  int64_t tap_row = 0, tap_column = 0;
};

template <class T>
WeightsOperand<T> operand_x(const WeightsPlan& p, const WeightsSlice<T>& m, const WeightsBlock& block) {
  const ConvShape& s = p.s;
  if (p.way == WeightsPlan::Way::folded) {
    const int64_t channels = s.group_channels(), row = p.folded_width(block.width) * channels;
    const int64_t step = (s.DW == 1 ? s.SW : s.KW) * channels;
    return {m.packed_x, step, s.SH * row, p.reach(block.height) * row, s.DH * row, 0};
  }
  if (p.bundle > 0) {
    const int64_t row = p.reach_across(block.width) * p.strip;
    return {m.packed_x, s.SW * p.strip, s.SH * row, p.reach(block.height) * row, s.DH * row, s.DW * p.strip};
  }
  const int64_t row = s.W * s.C, h0 = block.oh0 * s.SH - s.PT, w0 = block.ow0 * s.SW - s.PL;
  const T* const at = m.x + (block.n0 * s.H + h0) * row + w0 * s.C;
  return {at, s.SW * s.C, s.SH * row, s.H * row, s.DH * row, s.DW * s.C};
}

template <class T>
WeightsOperand<T> operand_dy(const WeightsPlan& p, const WeightsSlice<T>& m, const WeightsBlock& block, int64_t width) {
  const ConvShape& s = p.s;
  if (p.copied) return {m.packed_dy, width, block.width * width, block.height * block.width * width};
  const T* const at = m.dy + ((block.n0 * s.OH + block.oh0) * s.OW + block.ow0) * s.O;
  return {at, s.O, s.OW * s.O, s.OH * s.OW * s.O};
}

// Products a · b of one tile for all taps, on the outputs whose tap lies inside the image; dw from one tap to the next.
template <class T>
void run_taps(const WeightsPlan& p, WeightsSlice<T>& m, const WeightsBlock& block, const WeightsOperand<T>& a,
              const WeightsOperand<T>& b, WeightsJob<T>& job, int64_t tap_step, int64_t rows, int64_t columns) {
  const ConvShape& s = p.s;
  T* const dw = job.c;
  job.a_step = a.step, job.a_row = a.row, job.a_image = a.image;
  job.b_step = b.step, job.b_row = b.row, job.b_image = b.image;
  for (int64_t kh = 0; kh < s.KH; ++kh) {
    const Range inside_rows = outputs_inside(block.oh0 * s.SH + kh * s.DH - s.PT, s.SH, block.height, s.H);
    for (int64_t kw = 0; kw < p.taps; ++kw) {
      const Range inside = p.way == WeightsPlan::Way::folded
                               ? Range{0, block.width}
                               : outputs_inside(block.ow0 * s.SW + kw * s.DW - s.PL, s.SW, block.width, s.W);
      job.run = inside.end - inside.begin;
      job.rows = inside_rows.end - inside_rows.begin;
      job.images = job.run > 0 && job.rows > 0 ? block.images : 0;
      if (s.pointwise() && block.width == s.OW) {  // its pixels are neighbours
        job.run *= job.rows * job.images;
        job.rows = job.images = job.run > 0;
      }
      if (job.images == 0 && job.continued) continue;
      job.a = a.at + inside_rows.begin * a.row + inside.begin * a.step + kh * a.tap_row + kw * a.tap_column;
      job.b = b.at + inside_rows.begin * b.row + inside.begin * b.step + kh * b.tap_row + kw * b.tap_column;
      job.c = dw + (kh * p.taps + kw) * tap_step;
      job.soon = m.soon.at;
      job.soon_step = m.soon.step;
      if (p.way == WeightsPlan::Way::grouped)
        run_grouped_tile(job, rows, columns);
      else
        run_weights_tile(job, rows, columns);
      m.soon.advance(job.images * job.rows * job.run);
      m.strips[m.strips[0].pieces == 0].fetch(m.strip_lines);
    }
  }
}

// Panels [q0, q1) of group g of a block.
template <class T>
void run_panels(const WeightsPlan& p, WeightsSlice<T>& m, const WeightsBlock& block, bool continued, int64_t g,
                int64_t q0, int64_t q1) {
  using enum WeightsPlan::Way;
  const ConvShape& s = p.s;
  const bool turned_way = p.way == turned;
  const int64_t panel = p.way == grouped ? kLanes<T> : kTileColumns<T>;
  const int64_t channels = s.group_channels(), filters = s.group_filters();
  if (turned_way) {
    if (q0 == 0) take_panel<T>(nullptr, m.db, m.dy, p, block, g * filters, filters);
  } else {
    for (int64_t q = q0; q < q1; ++q)
      take_panel(m.packed_dy + (q - q0) * block.positions() * panel, m.db, m.dy, p, block, g * filters + q * panel,
                 min(panel, p.columns - q * panel));
  }
  if (!p.has_dw) return;
  if (p.way == folded) copy_rows(m.packed_x, m.x, p, block, g * channels);
  WeightsJob<T> job;
  job.continued = continued;
  job.c_stride = turned_way ? channels : s.O;
  const RowTiles tiles{0, p.way == grouped ? 1 : p.rows};
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int64_t r0 = tiles.at(t), rows = p.way == grouped ? p.rows : tiles.at(t + 1) - r0;
    for (int64_t q = q0; q < q1; ++q) {
      const int64_t columns = min(panel, p.columns - q * panel);
      WeightsOperand<T> x = operand_x(p, m, block), dy = operand_dy(p, m, block, round_up(columns, kLanes<T>));
      if (p.bundle > 0)
        x.at += (p.way == grouped ? q - m.strip : g - m.strip) * p.strip_size();
      else if (p.way != folded)
        x.at += g * channels;
      if (!p.copied) dy.at += g * filters;
      if (turned_way) {
        x.at += q * panel;
        dy.at += r0;
        job.c = m.dw + (g * filters + r0) * channels + q * panel;
        run_taps(p, m, block, dy, x, job, s.O * channels, rows, columns);
        continue;
      }
      x.at += p.way != grouped ? r0 : p.bundle > 0 ? 0 : q * panel;
      dy.at += p.copied ? (q - q0) * block.positions() * panel : q * panel;
      job.c = m.dw + r0 * s.O + g * filters + q * panel;
      run_taps(p, m, block, x, dy, job, p.rows * s.O, rows, columns);
    }
  }
}

// --- Slices --------------------------------------------------------------------------------------------------------

// out[begin, end) = (if `added`, itself) + the slices in their order.
template <class T>
void add_slices(T* out, bool added, const T* slices, int64_t step, int64_t count, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes<T>) {
    const int64_t lanes = min(kLanes<T>, end - i);
    Vec<T> sum = load_partial(added ? out + i : slices + i, lanes);
    for (int64_t k = !added; k < count; ++k) sum += load_partial(slices + k * step + i, lanes);
    store_partial<T>(out + i, sum, lanes);
  }
}

// The same where slices are (KH, KW, O, C/G): entries of dw, one by one, for there are few filters.
template <class T>
void add_turned_slices(T* dw, const T* slices, const WeightsPlan& p, int64_t begin, int64_t end) {
  const int64_t channels = p.s.group_channels(), O = p.s.O;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t tap = i / (channels * O), c = i / O % channels, o = i % O;
    const T* const from = slices + (tap * O + o) * channels + c;
    T sum = from[0];
    for (int64_t k = 1; k < p.own_slices; ++k) sum += from[k * p.dw_size()];
    dw[i] = sum;
  }
}

template <class T>
void finish_slices(const WeightsPlan& p, T* dw, T* db, const T* slices, const Units& u) {
  const int64_t size = p.dw_size(), chunks = p.own_slices > 0 ? ceil_div(size, kSliceElements) : 0;
  const bool in_turn = p.way == WeightsPlan::Way::turned;
  for (int64_t unit = u.first; unit < u.last; ++unit) {
    if (unit >= chunks) {
      const int64_t o = (unit - chunks) * kSumColumns;
      add_slices(db, false, slices + p.own_slices * size, p.s.O, p.own_sums(), o, min(p.s.O, o + kSumColumns));
      continue;
    }
    const int64_t begin = unit * kSliceElements, end = min(size, begin + kSliceElements);
    if (in_turn)
      add_turned_slices(dw, slices, p, begin, end);
    else
      add_slices(dw, true, slices, size, p.own_slices, begin, end);
  }
}

// Units are panels of filters, once more for each slice. What falls to one thread shares its copies.
template <class T>
void weights_run(const WeightsPlan& p, T* dw, T* db, const T* x, const T* dy, const Units& u) {
  T* const shared = static_cast<T*>(u.shared);
  if (u.phase == 1) return finish_slices(p, dw, db, shared, u);
  const int64_t per_slice = p.groups * p.panels, size = p.dw_size();
  T* const sums = shared + p.own_slices * size;
  T* const packed_x = static_cast<T*>(u.local);
  T* const packed_dy = packed_x + packed_x_size<T>(p);
  for (int64_t unit = u.first; unit < u.last;) {
    const int64_t slice = unit / per_slice, first = unit % per_slice, strip = first / p.strip_panels();
    int64_t last = min(per_slice, first + u.last - unit);
    if (p.bundle > 0) last = min(last, (strip + p.bundle) * p.strip_panels());
    const int64_t place = slice - (p.slices - p.own_slices);  // -1: the results themselves
    WeightsSlice<T> m{place < 0 ? dw : shared + place * size, db, x, dy, packed_x, packed_dy, strip, {}, {}, 0};
    const int64_t tiles = p.s.KH * p.taps * ceil_div(p.rows, kTileRows) * (last - first);
    const int64_t block0 = p.blocks() * slice / p.slices, block1 = p.blocks() * (slice + 1) / p.slices;
    for (int64_t index = block0; index < block1; ++index) {
      const WeightsBlock block = weights_block(p, index);
      if (p.own_sums() > 0) m.db = sums + index * p.s.O;
      const bool more = p.has_dw && index + 1 < block1;
      if (p.bundle > 0) copy_strips(packed_x, x, p, block, strip, ceil_div(last, p.strip_panels()));
      if (p.bundle > 0 && more)
        fetch_strips(p, m, weights_block(p, index + 1), first, last, tiles);
      else if (more)
        m.soon = next_reads(p, x, dy, weights_block(p, index + 1), tiles);
      for (int64_t panel = first; panel < last;) {
        const int64_t g = panel / p.panels, q0 = panel % p.panels, q1 = min(p.panels, q0 + last - panel);
        run_panels(p, m, block, index > block0, g, q0, q1);
        panel += q1 - q0;
      }
    }
    unit += last - first;
  }
}

}  // namespace gemmule::GEMMULE_ISA

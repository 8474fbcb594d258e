// The exact convolution: tiles of y in registers, over all taps, on an image that is never unfolded (conv2d_direct.h).
//
// Neighbouring pixels of x lie SW·C apart, so a tile can broadcast its rows of x from where they are: unfolding x into
// a matrix would move KH·KW times as much memory. A unit of work is a block of rows of one image, or of a few images.
// It copies the part of x that it reads into a buffer with zeros around it, and the tile needs no case for an edge.
// With no dilation the taps of one kernel row are one run of KW·C numbers there.
#include "conv2d_direct.h"

#include "conv2d_planar.h"
#include "conv2d_tiles.h"
#include "gemm_pack.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChain = 1280;     // about the length of one chain of sums
constexpr int64_t kPositions = 384;  // of a unit: enough to use a panel of the kernel often
constexpr int64_t kFewPositions = 56;
constexpr int64_t kUnits = 8;              // units there should be at least, for threads
constexpr int64_t kManyUnits = 16;         // and units wanted where they cost nothing
constexpr int64_t kPiece = 256;            // bytes of a pixel to copy at once, where there are groups
constexpr int64_t kNearBytes = 28 * 1024;  // of the copy for one of these groups: with its kernel it stays in L1
constexpr int64_t kShortRow = 256;         // bytes of a row of filters that is as good as packed
constexpr int64_t kShortestTile = 6;       // rows below which a tile waits for its sums, or for the kernel
constexpr double kTileStart = 0.8;         // rows that a tile's beginning and end cost
constexpr double kFarRows = 1.05;          // what it costs that the rows of a tile lie in different images
constexpr int64_t kOutNear = 4096 * 1024;  // bytes of y up to which it needs no fetching
constexpr int64_t kAhead = 16;             // rows of a panel to prefetch
constexpr int64_t kAheadFar = 64;          // and of a kernel that is read once
#if defined(__AVX512F__)
constexpr int64_t kFieldBytes = 320 * 1024;  // of x copied at a time: with a panel of the kernel it stays in L2
constexpr double kRate = 80;                 // multiply-adds a nanosecond
#elif defined(__AVX2__)
constexpr int64_t kFieldBytes = 128 * 1024;
constexpr double kRate = 40;
#else
constexpr int64_t kFieldBytes = 128 * 1024;
constexpr double kRate = 14;
#endif

// --- The plan ------------------------------------------------------------------------------------------------------

// A kernel of one row looks at every SH-th row of x only: what it skips is no part of the image.
void skip_unread(int64_t taps, int64_t padding, int64_t& stride, int64_t& dilation, int64_t& size, int64_t& step) {
  if (taps != 1) return;
  dilation = 1;
  if (padding != 0) return;
  size = ceil_div(size, stride);
  step *= stride;
  stride = 1;
}

DirectShape simplified(DirectShape s) {
  skip_unread(s.KH, s.PT, s.SH, s.DH, s.H, s.x.row);
  skip_unread(s.KW, s.PL, s.SW, s.DW, s.W, s.x.column);
  return s;
}

// Small groups are taken together: the channels of a few vectors become one group.
template <class T>
void join_groups(DirectPlan& p) {
  DirectShape& s = p.shape;
  p.group_size = grouped_tile_size<T>(s.C, s.O, s.G);
  if (p.group_size == 0) return;
  const int64_t all = s.G * s.C;
  int64_t joined = 4 * kLanes<T>;
  while (all % joined != 0) joined -= kLanes<T>;
  s.w.group *= joined / s.C;
  s.C = s.O = joined;
  s.G = all / joined;
}

// Which part of the taps along an axis look at the image.
double share_inside(int64_t outputs, int64_t stride, int64_t taps, int64_t padding, int64_t dilation, int64_t size) {
  int64_t inside = 0;
  for (int64_t i = 0; i < outputs; ++i) {
    const TapRange range = taps_inside(i * stride - padding, dilation, taps, size);
    inside += range.last - range.first;
  }
  return static_cast<double>(inside) / static_cast<double>(outputs * taps);
}

// Time of the tiles of n rows, in rows.
double tiles_cost(int64_t n) {
  const int64_t tiles = max(1, ceil_div(n, kTileRows));
  return static_cast<double>(max(n, tiles * kShortestTile)) + kTileStart * static_cast<double>(tiles);
}

// The cheapest kind of tile.
Rows rows_for(const DirectShape& s, bool banded) {
  if (s.OW == 0 || s.N == 0) return Rows::columns;
  Rows rows = Rows::columns;
  double cost = tiles_cost(s.OW);
  if (banded && s.OW <= kBandRows && (s.N > 1 || s.OH > 1)) {
    // Two rows of one image look at all taps, although some lie above it or below.
    const double by_bands = tiles_cost(2 * s.OW) / 2;
    const double share = s.N > 1 ? 1 : share_inside(s.OH, s.SH, s.KH, s.PT, s.DH, s.H);
    if (by_bands < cost * share) {
      rows = s.N > 1 ? Rows::two_images : Rows::two_rows;
      cost = by_bands;
    }
  }
  const double by_images = s.OW * share_inside(s.OW, s.SW, s.KW, s.PL, s.DW, s.W) * tiles_cost(s.N) / s.N;
  return s.N > 1 && kFarRows * by_images < cost ? Rows::images : rows;
}

template <class T>
bool must_copy(const DirectPlan& p) {
  const DirectShape& s = p.shape;
  if (p.rows == Rows::images || leaves(s.W, s.PL, span(s.OW, s.SW, s.KW, s.DW))) return true;
  if (p.rows == Rows::two_rows && leaves(s.H, s.PT, span(s.OH, s.SH, s.KH, s.DH))) return true;
  // One tap reads a line but once, one line of each row of a tile at a time: a few sets are enough for them.
  const int64_t apart = s.KH * s.KW == 1 ? 2 * kAliasing : kAliasing;
  if (s.SW * s.x.column * static_cast<int64_t>(sizeof(T)) % apart == 0) return true;
  return s.KW > 1 && s.DW == 1 && s.x.column != p.channels && p.channels < 4 * kLanes<T>;
}

template <class T>
void lay_field(DirectPlan& p) {
  const DirectShape& s = p.shape;
  constexpr int64_t bytes = sizeof(T), line = 64 / bytes;
  p.copied = must_copy<T>(p);
  p.bundle = 1;
  p.field = s.x;
  if (!p.copied) return;
  if (p.channel_blocks == 1) p.bundle = max(1, min(s.G, kPiece / (p.channels * bytes)));
  const int64_t right = span(s.OW, s.SW, s.KW, s.DW) - s.PL;
  p.field_columns = p.rows == Rows::images ? max(0, min(s.W, right) - field_left(p)) : right - field_left(p);
  p.field.column = p.channels;
  if (p.rows != Rows::images && s.SW * p.channels * bytes % kAliasing == 0) p.field.column += line;
  p.field.row = p.field_columns * p.field.column;
}

// An odd number of cache lines, so that the images of a tile lie in different sets.
template <class T>
int64_t image_step(const DirectPlan& p, int64_t height) {
  constexpr int64_t line = 64 / sizeof(T);
  return (ceil_div(field_rows(p, height) * p.field.row, line) | 1) * line;
}

template <class T>
int64_t field_bytes(const DirectPlan& p, int64_t images, int64_t height) {
  return p.copied ? p.bundle * images * image_step<T>(p, height) * static_cast<int64_t>(sizeof(T)) : 0;
}

// Cuts N and OH into blocks whose part of x fits its share of L2.
template <class T>
void lay_blocks(DirectPlan& p) {
  const DirectShape& s = p.shape;
  const int64_t area = max(1, s.OH * s.OW), all = s.N * area;
  const int64_t wanted = max(kFewPositions, min(kPositions, all * bundles_of(p) * p.panels / kUnits));
  const int64_t group = p.rows == Rows::images       ? ceil_div(s.N, ceil_div(max(s.N, 1), kTileRows))
                        : p.rows == Rows::two_images ? 2
                                                     : 1;
  p.height = max(1, s.OH);
  if (group * area > wanted + wanted / 2) p.height = max(1, min(s.OH, ceil_div(wanted, s.OW * group)));
  while (p.height > 1 && field_bytes<T>(p, group, p.height) > kFieldBytes) p.height = ceil_div(p.height, 2);
  p.row_blocks = ceil_div(s.OH, p.height);
  p.height = max(1, ceil_div(s.OH, max(1, p.row_blocks)));
  p.images = group;
  const int64_t most = p.bundle > 1 ? min(kFieldBytes, p.bundle * kNearBytes) : kFieldBytes;
  while (p.row_blocks == 1 && p.images < s.N && (p.images + group) * area <= wanted &&
         field_bytes<T>(p, p.images + group, p.height) <= most)
    p.images += group;
  p.image_blocks = ceil_div(s.N, p.images);
  if (!p.copied) return;
  p.field.image = image_step<T>(p, p.height);
  p.group_step = p.images * p.field.image;
}

// The same for few filters: one image, its channels as planes (steps: row, and column from plane to plane).
template <class T>
void lay_planes(DirectPlan& p) {
  const DirectShape& s = p.shape;
  constexpr int64_t bytes = sizeof(T), line = 64 / bytes;
  const int64_t wanted = max(kFewPositions, min(2 * kPositions, s.N * s.OH * s.OW * s.G / kUnits));
  p.rows = Rows::columns;
  p.packing = Packing::none;
  p.splits = p.images = p.bundle = 1;
  p.image_blocks = s.N;
  p.field.row = s.OW + (s.KW - 1) * s.DW;
  p.height = max(1, min(s.OH, ceil_div(wanted, s.OW)));
  while (p.height > 1 && s.C * span(p.height, s.SH, s.KH, s.DH) * p.field.row * bytes > kFieldBytes)
    p.height = ceil_div(p.height, 2);
  p.row_blocks = ceil_div(s.OH, p.height);
  p.height = max(1, ceil_div(s.OH, max(1, p.row_blocks)));
  p.field.column = (ceil_div(span(p.height, s.SH, s.KH, s.DH) * p.field.row, line) | 1) * line;
}

template <class T>
int64_t planes_bytes(const DirectPlan& p) {
  return (p.shape.C * p.field.column + kSums<T>)*static_cast<int64_t>(sizeof(T));  // vectors read over the last end
}

template <class T>
int64_t panel_size(const DirectPlan& p, int64_t channels) {
  return p.shape.KH * p.shape.KW * channels * kTileColumns<T>;
}

template <class T>
Packing packing_for(const DirectPlan& p) {
  const DirectShape& s = p.shape;
  const bool rows_lie = s.w.filter == 1;
  if (p.group_size > 0) return rows_lie ? Packing::none : Packing::shared;
  if (rows_lie && s.w.channel * static_cast<int64_t>(sizeof(T)) <= kShortRow) return Packing::none;
  if (blocks_of(p) > 1) return Packing::shared;
  return rows_lie && s.N * s.OH * s.OW <= kTileRows ? Packing::none : Packing::own;
}

// --- The kernel ----------------------------------------------------------------------------------------------------

template <class T>
PanelView<T> panel_in_place(const DirectPlan& p, const T* w, int64_t g, int64_t c, int64_t panel) {
  const KernelSteps& k = p.shape.w;
  return {w + k.start + g * k.group + c * k.channel + panel * kTileColumns<T> * k.filter, k.channel, k.row, k.column,
          kAheadFar};
}

template <class T>
PanelView<T> packed_view(const DirectPlan& p, const T* packed, int64_t channels) {
  constexpr int64_t C = kTileColumns<T>;
  return {packed, C, p.shape.KW * channels * C, channels * C, kAhead};
}

template <class T>
int64_t packed_offset(const DirectPlan& p, int64_t g, int64_t c, int64_t channels, int64_t panel) {
  return panel_size<T>(p, 1) * (p.panels * (g * p.shape.C + c) + panel * channels);
}

// One kernel row of a panel: packed[kw][c][filter], with zeros for missing filters.
template <class T>
void pack_kernel_row(const DirectPlan& p, const T* w, int64_t g, int64_t c, int64_t channels, int64_t panel, int64_t kh,
                     T* packed) {
  const KernelSteps& k = p.shape.w;
  const bool transposed = k.filter != 1;
  const PanelView<T> from = panel_in_place(p, w, g, c, panel), to = packed_view<T>(p, packed, channels);
  const int64_t filters = min(kTileColumns<T>, p.shape.O - panel * kTileColumns<T>);
  for (int64_t kw = 0; kw < p.shape.KW; ++kw)
    pack_columns(packed + kh * to.row + kw * to.column, from.at + kh * from.row + kw * from.column,
                 transposed ? k.filter : k.channel, transposed, channels, filters);
}

// The kernel of small groups: packed[kh][kw][channel of a group][filter of all groups].
template <class T>
PanelView<T> packed_groups(const DirectPlan& p, const T* packed, int64_t filter) {
  const int64_t filters = p.shape.G * p.shape.O;
  return {packed + filter, filters, p.shape.KW * p.group_size * filters, p.group_size * filters, kAhead};
}

template <class T>
void pack_groups(const DirectPlan& p, const T* w, int64_t kh, T* packed) {
  const KernelSteps& k = p.shape.w;
  const int64_t size = p.group_size, filters = p.shape.G * p.shape.O, group = k.group * size / p.shape.O;
  const PanelView<T> to = packed_groups<T>(p, packed, 0);
  for (int64_t kw = 0; kw < p.shape.KW; ++kw)
    for (int64_t c = 0; c < size; ++c)
      for (int64_t o = 0; o < filters; ++o)
        packed[kh * to.row + kw * to.column + c * to.channel + o] =
            w[k.start + kh * k.row + kw * k.column + c * k.channel + o / size * group + o % size * k.filter];
}

// Units of one kernel row of a panel.
template <class T>
void pack_shared(const DirectPlan& p, const T* w, int64_t first, int64_t last, T* packed) {
  if (p.group_size > 0) {
    for (int64_t kh = first; kh < last; ++kh) pack_groups(p, w, kh, packed);
    return;
  }
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t kh = unit % p.shape.KH, panel = unit / p.shape.KH % p.panels, rest = unit / p.shape.KH / p.panels;
    const int64_t g = rest / p.channel_blocks, c = rest % p.channel_blocks * p.channels;
    const int64_t channels = min(p.channels, p.shape.C - c);
    pack_kernel_row(p, w, g, c, channels, panel, kh, packed + packed_offset<T>(p, g, c, channels, panel));
  }
}

// What is copied after the channels from `c` of a block: its next channels, or the first ones of the following block.
template <class T>
Soon reads_after(const DirectPlan& p, const Block& b, const T* x, int64_t c, const Block& following) {
  const DirectShape& s = p.shape;
  if (s.x.row != s.W * s.x.column || s.x.image != s.H * s.x.row) return {};
  const bool same = c + p.channels < s.C;
  const Block& next = same ? b : following;
  c = same ? c + p.channels : 0;
  const bool overlaps = !same && next.g0 == b.g0 && next.n0 == b.n0;
  const int64_t h0 = min(s.H, max(next.h0, overlaps ? b.h1 : 0)), h1 = min(s.H, next.h1);
  const int64_t first = next.n0 * s.H + h0, last = (next.n1 - 1) * s.H + h1;
  if (last <= first) return {};
  const int64_t channels = (next.g1 - next.g0 - 1) * s.C + min(p.channels, s.C - c);
  const int64_t bytes = channels * static_cast<int64_t>(sizeof(T)), step = s.x.column * sizeof(T);
  const char* const at = reinterpret_cast<const char*>(x + next.g0 * s.C + c + first * s.x.row);
  const int64_t pixels = (last - first) * s.W;
  return bytes == step ? Soon{at, pixels * bytes / 64, 1, 0} : Soon{at, ceil_div(bytes, 64), pixels, step};
}

// What the panels of a unit share.
template <class T>
struct Share {
  const T* packed;
  T* own;
  Soon soon;
  int64_t soon_lines;  // for each tile
};

// Panels [first, last) of group g on a block, channels from `c` on. x: pixel (0, 0) of its first image.
template <class T>
void convolve_panels(const DirectPlan& p, const DirectOperands<T>& m, int64_t g, const Block& b, const T* x, int64_t c,
                     int64_t first, int64_t last, Share<T>& share) {
  const DirectShape& s = p.shape;
  const int64_t channels = min(p.channels, s.C - c);
  const bool far = s.N * s.OH * s.OW * s.G * s.O * static_cast<int64_t>(sizeof(T)) > kOutNear;
  const auto at = [](const T* array, int64_t offset) { return array ? array + offset : nullptr; };
  // A kernel that is read where it lies is one wide panel: y is written from end to end.
  const int64_t step = p.packing == Packing::none ? last - first : 1;
  for (int64_t panel = first; panel < last; panel += step) {
    const int64_t o = panel * kTileColumns<T>, channel = g * s.O + o;
    PanelView<T> w = panel_in_place(p, m.w, g, c, panel);
    if (p.packing == Packing::own) {
      for (int64_t kh = 0; kh < s.KH; ++kh) pack_kernel_row(p, m.w, g, c, channels, panel, kh, share.own);
      w = packed_view<T>(p, share.own, channels);
    } else if (p.packing == Packing::shared) {
      w = p.group_size > 0 ? packed_groups<T>(p, share.packed, channel)
                           : packed_view<T>(p, share.packed + packed_offset<T>(p, g, c, channels, panel), channels);
    }
    const Epilogue<T> epilogue{at(m.bias, channel),  nullptr,
                               p.activation,         static_cast<T>(p.alpha),
                               at(m.scale, channel), at(m.shift, channel)};
    const PanelJob<T> job{p.group_size > 0 ? x + o : x,
                          channels,
                          w,
                          m.y + channel,
                          at(m.residual, channel),
                          min(step * kTileColumns<T>, s.O - o),
                          c == 0,
                          c + channels >= s.C,
                          epilogue,
                          far,
                          share.soon_lines};
    Tiles<T>(p, b, job, share.soon).run();
  }
}

// Panels [first, last) of the groups of a block.
template <class T>
void convolve(const DirectPlan& p, const DirectOperands<T>& m, const Block& b, const Block& following, int64_t first,
              int64_t last, const T* packed, T* field, T* own) {
  const DirectShape& s = p.shape;
  for (int64_t c = 0; c == 0 || c < s.C; c += p.channels) {
    const T* x = m.x + b.g0 * s.C + c;
    if (p.copied) copy_field(p, b, x, min(p.channels, s.C - c), field);
    x = p.copied ? field - b.h0 * p.field.row - field_left(p) * p.field.column : x + b.n0 * s.x.image;
    Share<T> share{packed, own, p.copied ? reads_after(p, b, m.x, c, following) : Soon{}, 0};
    const int64_t panels = (p.packing == Packing::none ? 1 : last - first) * (b.g1 - b.g0);
    const int64_t tiles = panels * (b.n1 - b.n0) * (b.oh1 - b.oh0) * ceil_div(s.OW, kTileRows);
    share.soon_lines = share.soon.lines * share.soon.pieces / max(1, tiles) + 1;
    for (int64_t g = b.g0; g < b.g1; ++g, x += p.group_step) convolve_panels(p, m, g, b, x, c, first, last, share);
  }
}

// Units of some rows of an image.
template <class T>
void convolve_planes(const DirectPlan& p, const DirectOperands<T>& m, int64_t first, int64_t last, T* field) {
  const DirectShape& s = p.shape;
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t g = unit / blocks_of(p), index = unit % blocks_of(p), n = index / p.row_blocks;
    const int64_t oh0 = index % p.row_blocks * p.height, oh1 = min(s.OH, oh0 + p.height);
    const int64_t h0 = oh0 * s.SH - s.PT;
    DirectOperands<T> own = m;
    own.y += g * s.O;
    own.x += g * s.C;
    own.w += s.w.start + g * s.w.group;
    const T** const arrays[] = {&own.bias, &own.scale, &own.shift, &own.residual};
    for (const T** array : arrays)
      if (*array) *array += g * s.O;
    copy_planes(p, n, h0, h0 + span(oh1 - oh0, s.SH, s.KH, s.DH), own.x, field);
    PlanarTiles<T>(p, own, field, n).run(oh0, oh1);
  }
}

}  // namespace

DirectShape direct_shape(const ConvShape& s) {
  const int64_t channels = s.group_channels(), filters = s.group_filters();
  return {.N = s.N,
          .H = s.H,
          .W = s.W,
          .C = channels,
          .OH = s.OH,
          .OW = s.OW,
          .O = filters,
          .KH = s.KH,
          .KW = s.KW,
          .SH = s.SH,
          .SW = s.SW,
          .PT = s.PT,
          .PL = s.PL,
          .DH = s.DH,
          .DW = s.DW,
          .G = s.G,
          .x = {s.H * s.W * s.C, s.W * s.C, s.C},
          .y = {s.OH * s.OW * s.O, s.OW * s.O, s.O},
          .w = {.row = s.KW * channels * s.O, .column = channels * s.O, .channel = s.O, .filter = 1, .group = filters}};
}

template <class T>
DirectPlan direct_plan(const DirectShape& shape) {
  DirectPlan p{};
  p.shape = simplified(shape);
  join_groups<T>(p);
  const DirectShape& s = p.shape;
  const int64_t cuts = p.group_size > 0 ? 1 : max(1, ceil_div(s.KH * s.KW * s.C, kChain));
  p.channels = cuts == 1 ? s.C : min(s.C, round_up(ceil_div(s.C, cuts), 16));
  p.channel_blocks = max(1, ceil_div(s.C, max(1, p.channels)));
  p.panels = ceil_div(s.O, kTileColumns<T>);
  p.planar = p.group_size == 0 && is_planar<T>(s);
  if (p.planar) {
    lay_planes<T>(p);
    return p;
  }
  p.rows = rows_for(s, p.group_size == 0);
  lay_field<T>(p);
  lay_blocks<T>(p);
  p.packing = packing_for<T>(p);
  p.splits = max(1, min(p.panels, ceil_div(kManyUnits, max(1, bundles_of(p) * blocks_of(p)))));
  return p;
}

bool direct_keep_kernel(DirectPlan& p) {
  if (p.packing == Packing::own) p.packing = Packing::shared;
  return p.packing == Packing::shared;
}

int direct_phases(const DirectPlan& p) { return p.packing == Packing::shared ? 2 : 1; }

template <class T>
int64_t direct_units(const DirectPlan& p, int phase) {
  if (p.packing == Packing::shared && phase == 0 && p.group_size > 0) return p.shape.KH;
  if (p.packing == Packing::shared && phase == 0) return p.shape.G * p.channel_blocks * p.panels * p.shape.KH;
  return p.shape.OW == 0 || p.shape.O == 0 ? 0 : bundles_of(p) * blocks_of(p) * p.splits;
}

template <class T>
int64_t direct_shared_bytes(const DirectPlan& p) {
  if (p.packing != Packing::shared) return 0;
  if (p.group_size > 0) return p.shape.KH * p.shape.KW * p.group_size * p.shape.G * p.shape.O * sizeof(T);
  return p.shape.G * p.panels * panel_size<T>(p, p.shape.C) * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t direct_local_bytes(const DirectPlan& p) {
  if (p.planar) return planes_bytes<T>(p);
  const int64_t own = p.packing == Packing::own ? panel_size<T>(p, p.channels) * sizeof(T) : 0;
  return round_up(field_bytes<T>(p, p.images, p.height), 64) + own;
}

template <class T>
double direct_cost(const DirectPlan& p) {
  const DirectShape& s = p.shape;
  const double positions = static_cast<double>(s.N) * s.OH * s.OW * s.G;
  const double filters = p.planar ? s.O : round_up(s.O, kLanes<T>),
               kernel = static_cast<double>(s.KH * s.KW * (p.group_size > 0 ? p.group_size : s.C));
  const double bytes = (positions * s.O + static_cast<double>(s.N) * s.H * s.W * s.G * s.C) * sizeof(T);
  return 100 + positions * filters * kernel * (sizeof(T) / 4) / kRate + bytes / 30 +
         kernel * s.O * s.G * sizeof(T) / 30;
}

template <class T>
void direct_run(const DirectPlan& p, const DirectOperands<T>& m, const Units& u) {
  T* const shared = static_cast<T*>(u.shared);
  if (p.packing == Packing::shared && u.phase == 0) return pack_shared(p, m.w, u.first, u.last, shared);
  T* const field = static_cast<T*>(u.local);
  if (p.planar) return convolve_planes(p, m, u.first, u.last, field);
  T* const own = field + round_up(field_bytes<T>(p, p.images, p.height), 64) / sizeof(T);
  int64_t unit = u.first;
  while (unit < u.last) {
    const int64_t cell = unit / p.splits, begin = cell * p.splits, end = min(u.last, begin + p.splits);
    const Block block = block_at(p, cell), next = block_at(p, min(cell + 1, bundles_of(p) * blocks_of(p) - 1));
    convolve(p, m, block, next, p.panels * (unit - begin) / p.splits, p.panels * (end - begin) / p.splits, shared,
             field, own);
    unit = end;
  }
}

#define GEMMULE_DIRECT(T)                                     \
  template DirectPlan direct_plan<T>(const DirectShape&);     \
  template int64_t direct_units<T>(const DirectPlan&, int);   \
  template int64_t direct_shared_bytes<T>(const DirectPlan&); \
  template int64_t direct_local_bytes<T>(const DirectPlan&);  \
  template double direct_cost<T>(const DirectPlan&);          \
  template void direct_run<T>(const DirectPlan&, const DirectOperands<T>&, const Units&);
GEMMULE_DIRECT(float)
#if !defined(__AVX2__)
GEMMULE_DIRECT(double)
#endif

}  // namespace gemmule::GEMMULE_ISA

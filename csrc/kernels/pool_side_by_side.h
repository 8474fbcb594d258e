// The way back through windows that lie side by side, where a few channels would leave most lanes of a vector empty:
// rows of dx are filled whole vectors at a time, whichever pixels and channels those hold.
#pragma once
#include "pool_backward.h"

namespace gemmule::GEMMULE_ISA {

// Where the lanes of a vector of a row of dx come from.
template <class T>
struct Origin {
  Mask<T> lanes;    // among those from element `base` of the row of dy on
  Mask<T> column;   // in the window
  int64_t base, n;  // how many lanes from there on are looked at
};

template <class T>
struct SideBySide {
  static constexpr int64_t kMost = kLanes<T>;
  Origin<T> origins[kMost];  // of the first vectors of a row; then they repeat
  int64_t period, advance;   // so many vectors of dx further on, the lanes lie so many elements further on in dy

  static bool suits(const PoolShape& s) {
    const bool touching = s.KH == s.SH && s.KW == s.SW && s.PT == 0 && s.PL == 0, inside = s.OH * s.SH <= s.H;
    return kSwift<T> && !s.wide && touching && inside && s.OW * s.SW <= s.W && s.SW > 1 && s.C > 0 &&
           s.SW * s.C <= kMost;
  }
  static int64_t units(const PoolShape& s) { return s.N * max(s.OH, 1); }

  // Neighbouring lanes of dx come from lanes of dy at most C apart, and SW of them from one: kLanes / SW + C <= kLanes.
  static SideBySide of(const PoolShape& s) {
    using Int = typename IntOf<T>::type;
    SideBySide side;
    const int64_t window = s.SW * s.C;
    int64_t vectors = 1;
    while (vectors * kLanes<T> % window != 0) ++vectors;
    side.period = vectors;
    side.advance = vectors * kLanes<T> / s.SW;
    for (int64_t v = 0; v < vectors; ++v) {
      Origin<T>& origin = side.origins[v];
      const auto element = [&](int64_t lane) { return (lane / window) * s.C + lane % s.C; };
      int64_t first = element(v * kLanes<T>), last = first;
      for (int64_t i = 1; i < kLanes<T>; ++i) {
        first = min(first, element(v * kLanes<T> + i));
        last = max(last, element(v * kLanes<T> + i));
      }
      for (int64_t i = 0; i < kLanes<T>; ++i) {
        const int64_t lane = v * kLanes<T> + i;
        origin.lanes[i] = static_cast<Int>(element(lane) - first);
        origin.column[i] = static_cast<Int>(lane % window / s.C);
      }
      origin.base = first;
      origin.n = last + 1 - first;
    }
    return side;
  }
};

// dx (N, H, W, C); a unit is a row of windows, and what lies behind the last one of an image.
template <class T, class From>
void side_by_side(T* dx, const From& given, const PoolShape& s, const Units& u) {
  using Int = typename IntOf<T>::type;
  const From from = given;
  const SideBySide<T> side = SideBySide<T>::of(s);
  const int64_t OH = s.OH, pitch = s.W * s.C, pooled = s.OW * s.C, filled = s.OW * s.SW * s.C, SH = s.SH, KW = s.KW;
  const T share = From::share(s.KH * s.KW);
  int64_t image = u.first / max(OH, 1), oh = u.first % max(OH, 1);
  for (int64_t unit = u.first; unit < u.last; ++unit) {
    T* const rows = dx + (image * s.H + oh * SH) * pitch;
    const int64_t start = (image * OH + oh) * pooled;
    int64_t v = 0, behind = 0;
    for (int64_t at = 0; at < filled && OH > 0; at += kLanes<T>) {
      const Origin<T>& origin = side.origins[v];
      const int64_t source = behind + origin.base, n = min(origin.n, pooled - source), lanes = filled - at;
      const Vec<T> dy = permute<T>(from.gradient(start + source, n, share), origin.lanes);
      const auto place = From::moved(from.place(start + source, n), origin.lanes, origin.column);
      for (int64_t r = 0; r < SH; ++r)
        store_partial<T>(rows + r * pitch + at, From::chosen(dy, place, Mask<T>{} + static_cast<Int>(r * KW)), lanes);
      if (++v == side.period) v = 0, behind += side.advance;
    }
    if (filled < pitch)
      for (int64_t r = 0; r < SH && OH > 0; ++r) clear(rows + r * pitch, {filled, pitch});
    if (++oh < OH) continue;
    clear(dx + image * s.H * pitch, {OH * SH * pitch, s.H * pitch});
    oh = 0, ++image;
  }
}

}  // namespace gemmule::GEMMULE_ISA

// Random changes of images: a parameter kernel draws one affine map for each image, a second one applies them.
//
//   y[n, oy, ox] = x[n] at (sx, sy) = (a·ox + b·oy + c, d·ox + e·oy + f),   transforms[n] = a b c d e f
//
// Places are computed in float64 for either dtype, so that both look at the same pixels.
#include "families.h"
#include "random.h"

namespace gemmule::GEMMULE_ISA {

namespace {

enum FillMode : int64_t { kNearest, kConstant, kReflect, kWrap };
constexpr double kFarthest = 0x1p51;  // beyond it a place is no pixel any more, nor is NaN
constexpr double kNear = 0x1p40;

bool same(const char* a, const char* b) { return __builtin_strcmp(a, b) == 0; }

FillMode fill_mode_from(const Call& call) {
  const char* name = call.text("fill_mode");
  if (same(name, "nearest")) return kNearest;
  if (same(name, "constant")) return kConstant;
  if (same(name, "reflect")) return kReflect;
  if (same(name, "wrap")) return kWrap;
  call.refuse("unknown fill_mode");
}

struct AffineArgs {
  int64_t N, H, W, C, OH, OW;
  int64_t mode, bilinear;
  double fill;

  int64_t row() const { return W * C; }
  int64_t image() const { return H * W * C; }
};

AffineArgs affine_args(const Call& call, int small, int large) {
  return {.N = call.dim(small, 0),
          .H = call.dim(small, 1),
          .W = call.dim(small, 2),
          .C = call.dim(small, 3),
          .OH = call.dim(large, 1),
          .OW = call.dim(large, 2),
          .mode = fill_mode_from(call),
          .bilinear = same(call.text("interpolation"), "bilinear"),
          .fill = call.number("fill_value")};
}

double affine_cost(const AffineArgs& args) {
  const double pixels = static_cast<double>(args.N * args.OH * args.OW), channels = static_cast<double>(args.C);
  return pixels * (args.bilinear ? 8 + 2 * channels : 5 + 0.5 * channels);
}

// The pixel that stands for place i of a line of n pixels, or -1 for the fill value.
GEMMULE_INLINE int64_t pixel_at(int64_t i, int64_t n, int64_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == kConstant) return -1;
  if (mode == kNearest) return i < 0 ? 0 : n - 1;
  const int64_t period = mode == kReflect ? 2 * n : n;
  const int64_t at = ((i % period) + period) % period;
  return at < n ? at : period - 1 - at;  // reflect: d c b a | a b c d | d c b a
}

struct Place {
  double x, y;

  bool known() const { return __builtin_fabs(x) < kFarthest && __builtin_fabs(y) < kFarthest; }
};

GEMMULE_INLINE Place place_of(const double* t, int64_t ox, int64_t oy) {
  const double x = static_cast<double>(ox), y = static_cast<double>(oy);
  return {t[0] * x + t[1] * y + t[2], t[3] * x + t[4] * y + t[5]};
}

// Halves away from zero.
GEMMULE_INLINE int64_t rounded(double v) { return static_cast<int64_t>(v < 0 ? v - 0.5 : v + 0.5); }

GEMMULE_INLINE int64_t nearest_pixel(Place place, const AffineArgs& a) {
  const int64_t row = pixel_at(rounded(place.y), a.H, a.mode), column = pixel_at(rounded(place.x), a.W, a.mode);
  return row < 0 || column < 0 ? -1 : row * a.row() + column * a.C;
}

// Where the four neighbours of a place begin in an image, or -1, and how much the right and the lower ones weigh.
template <class T>
struct Neighbours {
  int64_t at[2][2];
  T right, lower;

  GEMMULE_INLINE Neighbours(Place place, const AffineArgs& a) {
    const double left = __builtin_floor(place.x), top = __builtin_floor(place.y);
    right = static_cast<T>(place.x - left), lower = static_cast<T>(place.y - top);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const int64_t row = pixel_at(static_cast<int64_t>(top) + i, a.H, a.mode);
        const int64_t column = pixel_at(static_cast<int64_t>(left) + j, a.W, a.mode);
        at[i][j] = row < 0 || column < 0 ? -1 : row * a.row() + column * a.C;
      }
  }
};

// y (N, OH, OW, C) | x (N, H, W, C), transforms (N, 6). A unit is one row of the output.
template <class T>
struct AffineTransform {
  using Args = AffineArgs;

  static Args prepare(const Call& call) { return affine_args(call, 1, 0); }
  static int64_t units(const Args& args) { return args.N * args.OH; }
  static double cost(const Args& args) { return affine_cost(args); }

  static void run(T* y, const T* x, const double* transforms, const Args& a, const Units& u) {
    const T fill = static_cast<T>(a.fill);
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t n = unit / a.OH, oy = unit % a.OH;
      const T* image = x + n * a.image();
      T* out = y + unit * a.OW * a.C;
      if (!a.bilinear && is_straight(transforms + 6 * n)) {
        straight_row(out, image, transforms + 6 * n, oy, fill, a);
        continue;
      }
      for (int64_t ox = 0; ox < a.OW; ++ox, out += a.C) {
        const Place place = place_of(transforms + 6 * n, ox, oy);
        if (!place.known())
          set(out, static_cast<T>(__builtin_nan("")), a.C);
        else if (a.bilinear)
          mix(out, image, Neighbours<T>(place, a), fill, a.C);
        else
          pick(out, image, nearest_pixel(place, a), fill, a.C);
      }
    }
  }

  // Flips and crops: rows stay rows, and pixels of a row stay neighbours.
  static bool is_straight(const double* t) {
    const bool unscaled = (t[0] == 1 || t[0] == -1) && (t[4] == 1 || t[4] == -1) && t[1] == 0 && t[3] == 0;
    return unscaled && t[2] == __builtin_floor(t[2]) && __builtin_fabs(t[2]) < kNear && __builtin_fabs(t[5]) < kNear;
  }

  static void straight_row(T* out, const T* image, const double* t, int64_t oy, T fill, const Args& a) {
    const int64_t row = pixel_at(rounded(t[4] * static_cast<double>(oy) + t[5]), a.H, a.mode);
    if (row < 0) return set(out, fill, a.OW * a.C);
    const T* line = image + row * a.row();
    const int64_t first = static_cast<int64_t>(t[2]), step = static_cast<int64_t>(t[0]);
    // The columns [begin, end) of the result lie inside the image.
    const int64_t begin = min(max(step > 0 ? -first : first - a.W + 1, 0), a.OW);
    const int64_t end = min(max(step > 0 ? a.W - first : first + 1, begin), a.OW);
    for (int64_t ox = 0; ox < a.OW; ++ox) {
      if (ox == begin && step > 0 && end > begin) {
        __builtin_memcpy(out + begin * a.C, line + (first + begin) * a.C, (end - begin) * a.C * sizeof(T));
        ox = end;
        if (ox == a.OW) break;
      }
      const int64_t column = pixel_at(first + step * ox, a.W, a.mode);
      pick(out + ox * a.C, line, column < 0 ? -1 : column * a.C, fill, a.C);
    }
  }

  static GEMMULE_INLINE void set(T* out, T value, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) out[c] = value;
  }

  static GEMMULE_INLINE void pick(T* __restrict out, const T* __restrict image, int64_t at, T fill, int64_t channels) {
    if (at < 0) return set(out, fill, channels);
    for (int64_t c = 0; c < channels; ++c) out[c] = image[at + c];
  }

  static GEMMULE_INLINE void mix(T* __restrict out, const T* __restrict image, const Neighbours<T>& near, T fill,
                                 int64_t channels) {
    const T left = 1 - near.right, upper = 1 - near.lower;
    for (int64_t c = 0; c < channels; ++c) {
      T v[2][2];
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) v[i][j] = near.at[i][j] < 0 ? fill : image[near.at[i][j] + c];
      const T above = v[0][0] * left + v[0][1] * near.right, below = v[1][0] * left + v[1][1] * near.right;
      out[c] = above * upper + below * near.lower;
    }
  }
};

// dx (N, H, W, C) | dy (N, OH, OW, C), transforms (N, 6). A unit is one image: several pixels add to one place.
template <class T>
struct AffineTransformBackward {
  using Args = AffineArgs;

  static Args prepare(const Call& call) { return affine_args(call, 0, 1); }
  static int64_t units(const Args& args) { return args.N; }
  static double cost(const Args& args) { return 2 * affine_cost(args); }

  static void run(T* dx, const T* dy, const double* transforms, const Args& a, const Units& u) {
    for (int64_t n = u.first; n < u.last; ++n) {
      T* image = dx + n * a.image();
      const T* d = dy + n * a.OH * a.OW * a.C;
      for (int64_t i = 0; i < a.image(); ++i) image[i] = 0;
      for (int64_t oy = 0; oy < a.OH; ++oy)
        for (int64_t ox = 0; ox < a.OW; ++ox, d += a.C) {
          const Place place = place_of(transforms + 6 * n, ox, oy);
          if (!place.known()) continue;
          if (a.bilinear)
            spread(image, d, Neighbours<T>(place, a), a.C);
          else
            add(image, d, nearest_pixel(place, a), T{1}, a.C);
        }
    }
  }

  static GEMMULE_INLINE void add(T* __restrict image, const T* __restrict d, int64_t at, T weight, int64_t channels) {
    if (at < 0) return;
    for (int64_t c = 0; c < channels; ++c) image[at + c] += d[c] * weight;
  }

  static GEMMULE_INLINE void spread(T* image, const T* d, const Neighbours<T>& near, int64_t channels) {
    const T columns[2] = {1 - near.right, near.right}, rows[2] = {1 - near.lower, near.lower};
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) add(image, d, near.at[i][j], columns[j] * rows[i], channels);
  }
};

// transforms (N, 6) | key (3). Image n uses block n of the stream: a uniform number for its height, one for its width.
struct RandomTransforms {
  enum Kind : int64_t { kFlip, kTranslation, kRotation, kZoom, kCrop };

  struct Args {
    int64_t N, kind, joint;
    double height, width;
    double low[2], high[2];  // of the height, of the width
  };

  static Args prepare(const Call& call) {
    return {.N = call.dim(0, 0),
            .kind = kind_from(call),
            .joint = call.flag("joint"),
            .height = static_cast<double>(call.integer("height")),
            .width = static_cast<double>(call.integer("width")),
            .low = {call.number("height_low"), call.number("width_low")},
            .high = {call.number("height_high"), call.number("width_high")}};
  }

  static Kind kind_from(const Call& call) {
    const char* name = call.text("kind");
    if (same(name, "flip")) return kFlip;
    if (same(name, "translation")) return kTranslation;
    if (same(name, "rotation")) return kRotation;
    if (same(name, "zoom")) return kZoom;
    if (same(name, "crop")) return kCrop;
    call.refuse("unknown kind of transform");
  }

  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) { return 40.0 * static_cast<double>(args.N); }

  static void run(double* transforms, const uint64_t* key, const Args& args, const Units&) {
    for_each_word<4>(key, {0, args.N}, [&](const uint32_t* words, int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const uint32_t* own = words + 4 * (n - begin);
        const double first = unit(own);
        one(transforms + 6 * n, first, args.joint ? first : unit(own + 2), args);
      }
    });
  }

  static GEMMULE_INLINE double unit(const uint32_t* words) {
    return static_cast<double>((uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
  }

  // u and v in [0, 1) are the random numbers for height and width.
  static void one(double* t, double u, double v, const Args& a) {
    const double tall = a.low[0] + (a.high[0] - a.low[0]) * u, wide = a.low[1] + (a.high[1] - a.low[1]) * v;
    const double middle_x = (a.width - 1) / 2, middle_y = (a.height - 1) / 2;
    switch (a.kind) {
      case kFlip:
        return flip(t, u < a.high[0], v < a.high[1], a);
      case kTranslation:
        return set(t, 1, 0, -(wide * a.width), 0, 1, -(tall * a.height));
      case kZoom:
        return set(t, 1 + wide, 0, middle_x * -wide, 0, 1 + tall, middle_y * -tall);
      case kCrop:  // to the part that begins at one of `high` places
        return set(t, 1, 0, __builtin_floor(wide), 0, 1, __builtin_floor(tall));
      default: {
        constexpr double kTurn = 6.283185307179586;
        const double cos = __builtin_cos(tall * kTurn), sin = __builtin_sin(tall * kTurn);
        return set(t, cos, -sin, middle_x - middle_x * cos + middle_y * sin,  //
                   sin, cos, middle_y - middle_x * sin - middle_y * cos);
      }
    }
  }

  static GEMMULE_INLINE void flip(double* t, bool upside_down, bool mirrored, const Args& a) {
    set(t, mirrored ? -1 : 1, 0, mirrored ? a.width - 1 : 0, 0, upside_down ? -1 : 1, upside_down ? a.height - 1 : 0);
  }

  static GEMMULE_INLINE void set(double* t, double a, double b, double c, double d, double e, double f) {
    t[0] = a, t[1] = b, t[2] = c, t[3] = d, t[4] = e, t[5] = f;
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<AffineTransform<T>>("affine_transform", dtype);
  table.add<AffineTransformBackward<T>>("affine_transform_backward", dtype);
}

}  // namespace

void register_augment(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
  if constexpr (kCarriesDoubles) table.add<RandomTransforms>("random_transforms", DType::float64);
}

}  // namespace gemmule::GEMMULE_ISA

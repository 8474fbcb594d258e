// Running sums and products.
#include "families.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// x and out (outer, n, inner): out[i] = x[0] op x[1] op ... op x[i] along the middle axis; reverse: from the last on.
struct Cumulative {
  static constexpr int64_t kColumns = 64;  // of `inner` a unit

  struct Args {
    int64_t outer, n, inner, reverse, product;
    void (*columns)(void* out, const void* x, int64_t begin, int64_t end, const Args& args);
  };

  static Args prepare(const Call& call) {
    const int axis = static_cast<int>(call.integer("axis"));
    const int64_t outer = call.leading(1, axis), n = call.dim(1, axis);
    const int64_t inner = call.size(1) ? call.size(1) / (outer * n) : 0;
    Args args{outer, n, inner, call.flag("reverse"), call.flag("product"), nullptr};
    const DType dtype = call.dtype(1);
    if (dtype == DType::float32) args.columns = &run_columns<float, float>;
    if constexpr (kCarriesDoubles)
      if (dtype == DType::float64) args.columns = &run_columns<double, double>;
    if (dtype == DType::int64) args.columns = &run_columns<int64_t, uint64_t>;
    if (!args.columns) call.refuse("cumulative does not take arrays of this dtype");
    return args;
  }
  static int64_t parts(const Args& args) { return ceil_div(args.inner, kColumns); }
  static int64_t units(const Args& args) { return args.n ? args.outer * parts(args) : 0; }
  static double cost(const Args& args) { return 2.0 * static_cast<double>(args.outer * args.n * args.inner); }

  static void run(void* out, const void* x, const Args& args, const Units& u) {
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t begin = unit / parts(args) * args.n * args.inner, first = unit % parts(args) * kColumns;
      args.columns(out, x, begin + first, begin + min(first + kColumns, args.inner), args);
    }
  }

  // W is T, or the unsigned integer that may wrap around.
  template <class T, class W>
  static void run_columns(void* to, const void* from, int64_t begin, int64_t end, const Args& args) {
    T* out = static_cast<T*>(to);
    const T* x = static_cast<const T*>(from);
    const int64_t step = args.reverse ? -args.inner : args.inner, last = (args.n - 1) * args.inner;
    for (int64_t column = begin; column < end; ++column) {
      int64_t at = args.reverse ? column + last : column;
      W total = static_cast<W>(x[at]);
      out[at] = static_cast<T>(total);
      for (int64_t i = 1; i < args.n; ++i) {
        at += step;
        total = args.product ? total * static_cast<W>(x[at]) : total + static_cast<W>(x[at]);
        out[at] = static_cast<T>(total);
      }
    }
  }
};

}  // namespace

void register_cumulative(Table& table) { add_any<Cumulative>(table, "cumulative"); }

}  // namespace gemmule::GEMMULE_ISA

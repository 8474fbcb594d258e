// Batch normalization over all axes but the last, x seen as (rows, C). Ioffe and Szegedy (2015)
#include "norm.h"

#include "elementwise.h"
#include "families.h"
#include "norm_columns.h"

namespace gemmule::GEMMULE_ISA {

namespace {

Columns columns_of(int64_t rows, int64_t C, int64_t element_bytes) {
  return element_bytes == 4 ? Columns::of<float>(1, rows, C) : Columns::of<double>(1, rows, C);
}

struct BatchNormArgs {
  Columns x;
  double epsilon, alpha;
  Activation activation;
  int64_t fixed, wants_sums, wants_dx;  // of the backward
  double bytes;                         // read and written
};

// x fits into one chunk: each unit takes some columns from beginning to end, without a barrier.
bool is_small(const BatchNormArgs& args) { return args.x.chunks == 1; }

// y (rows, C), mean (C), inv_std (C) | x, gamma (C)?, beta (C)?, residual (rows, C)?
// y = act((x - mean) inv_std gamma + beta + residual)
template <class T>
struct BatchNormForward {
  using Args = BatchNormArgs;

  static Args prepare(const Call& call) {
    const Columns x = columns_of(call.leading(3, -1), call.dim(3, -1), sizeof(T));
    const double arrays = call.present(6) ? 4 : 3;
    return {x,
            call.number("epsilon"),
            call.number("alpha"),
            required_activation(call),
            0,
            1,
            1,
            arrays * static_cast<double>(x.size()) * sizeof(T)};
  }
  static int phases(const Args& args) { return is_small(args) ? 1 : 3; }
  static int64_t units(const Args& args, int phase) {
    return is_small(args) || phase == 1 ? args.x.blocks() : args.x.units();
  }
  static int64_t shared_bytes(const Args& args) { return (args.x.chunks * 2 + 3) * args.x.width * sizeof(T); }
  static double cost(const Args& args) { return 50 + stream_ns(args.bytes); }

  static void run(T* y, T* mean, T* inv_std, const T* x, const T* gamma, const T* beta, const T* residual,
                  const Args& args, const Units& u) {
    T* const coefficients = static_cast<T*>(u.shared);
    T* const sums = coefficients + 3 * args.x.width;
    const auto moments = [&](int64_t chunk, Range columns) {
      T* const here = sums + chunk * 2 * args.x.width;
      chunk_moments(here, here + args.x.width, x + args.x.start(chunk), Walk::of(args.x, chunk, columns));
    };
    const auto map = [&](int64_t chunk, Range columns) {
      const int64_t start = args.x.start(chunk);
      const Walk walk = Walk::of(args.x, chunk, columns);
      with_activation(args.activation, [&]<Activation A>() __attribute__((always_inline)) {
        map_rows<T, A, true>(y + start, x + start, from(residual, start), coefficients, coefficients + args.x.width,
                             coefficients + 2 * args.x.width, Chosen<T>{args.activation, static_cast<T>(args.alpha)},
                             walk);
      });
    };
    if (is_small(args)) {
      for (int64_t i = u.first; i < u.last; ++i) {
        moments(0, args.x.block(i));
        finish(mean, inv_std, coefficients, sums, x, gamma, beta, args, args.x.block(i));
        map(0, args.x.block(i));
      }
    } else if (u.phase == 0) {
      for (int64_t chunk = u.first; chunk < u.last; ++chunk) moments(chunk, {0, args.x.width});
    } else if (u.phase == 1) {
      for (int64_t i = u.first; i < u.last; ++i)
        finish(mean, inv_std, coefficients, sums, x, gamma, beta, args, args.x.block(i));
    } else {
      for (int64_t chunk = u.last; chunk-- > u.first;) map(chunk, {0, args.x.width});  // backwards: the end is in cache
    }
  }

 private:
  // Statistics from the partial sums, and what y = (x - center) scale + shift needs.
  static void finish(T* mean, T* inv_std, T* coefficients, const T* sums, const T* x, const T* gamma, const T* beta,
                     const Args& args, Range block) {
    const Range columns{block.begin, min(block.end, args.x.C)};
    T *const center = coefficients, *const scale = center + args.x.width, *const shift = scale + args.x.width;
    combine_moments(mean, inv_std, sums, x, args.x, columns);
    const T epsilon = static_cast<T>(args.epsilon);
    for_each_vector<T>(columns, [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> inverse = T(1) / square_root<T>(get(inv_std) + epsilon);
      put(inv_std, inverse);
      put(center, get(mean));
      put(scale, gamma ? get(gamma) * inverse : inverse);
      put(shift, beta ? get(beta) : zero<T>());
    });
    repeat_columns(center, args.x);
    repeat_columns(scale, args.x);
    repeat_columns(shift, args.x);
  }
};

// dx (rows, C)?, dgamma (C)?, dbeta (C)? | dy, x, y?, mean (C), inv_std (C), gamma (C)?
// With z = (x - mean) inv_std and dz what the activation lets through of dy: dbeta = Σ dz, dgamma = Σ dz z, and
// dx = gamma inv_std (dz - dbeta / rows - z dgamma / rows); or gamma inv_std dz when the statistics are fixed.
template <class T>
struct BatchNormBackward {
  using Args = BatchNormArgs;

  static Args prepare(const Call& call) {
    const Columns x = columns_of(call.leading(4, -1), call.dim(4, -1), sizeof(T));
    const bool fixed = !call.flag("training"), sums = call.present(1) || call.present(2), dx = call.present(0);
    const bool wants_sums = sums || (dx && !fixed);
    const double inputs = call.present(5) ? 3 : 2, passes = (wants_sums ? inputs : 0) + (dx ? inputs + 1 : 0);
    return {x,
            0,
            call.number("alpha"),
            required_activation(call),
            fixed,
            wants_sums,
            dx,
            passes * static_cast<double>(x.size()) * sizeof(T)};
  }
  static int phases(const Args& args) { return is_small(args) ? 1 : 3; }
  static int64_t units(const Args& args, int phase) {
    if (is_small(args) || phase == 1) return args.x.blocks();
    return (phase == 0 ? args.wants_sums : args.wants_dx) ? args.x.units() : 0;
  }
  static int64_t shared_bytes(const Args& args) {
    return (args.x.chunks * 2 + Slopes<T>::kArrays + 2) * args.x.width * sizeof(T);
  }
  static int64_t local_bytes(const Args& args) { return args.x.fold > 1 ? args.x.width * sizeof(T) : 0; }
  static double cost(const Args& args) { return 50 + stream_ns(args.bytes); }

  static void run(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* y, const T* mean, const T* inv_std,
                  const T* gamma, const Args& args, const Units& u) {
    const int64_t width = args.x.width;
    const Slopes<T> slopes = Slopes<T>::at(static_cast<T*>(u.shared), width);
    T* const totals = static_cast<T*>(u.shared) + Slopes<T>::kArrays * width;
    T* const sums = totals + 2 * width;
    const T* const center = u.phase == 0 ? wide_mean(mean, args.x, u) : nullptr;
    const auto gradients = [&](int64_t chunk, Range columns) {
      const int64_t start = args.x.start(chunk);
      const Walk walk = Walk::of(args.x, chunk, columns);
      T* const here = sums + chunk * 2 * width;
      with_activation(args.activation, [&]<Activation A>() __attribute__((always_inline)) {
        chunk_gradients<T, A>(here, here + width, dy + start, x + start, from(y, start), center,
                              Chosen<T>{args.activation, static_cast<T>(args.alpha)}, walk);
      });
    };
    const auto combine = [&](Range block) {
      finish(dgamma, dbeta, slopes, totals, sums, mean, inv_std, gamma, args, block);
    };
    if (is_small(args)) {
      for (int64_t i = u.first; i < u.last; ++i) {
        if (args.wants_sums) gradients(0, args.x.block(i));
        combine(args.x.block(i));
        if (args.wants_dx) map(dx, dy, x, y, slopes, args, 0, args.x.block(i));
      }
    } else if (u.phase == 0) {
      for (int64_t chunk = u.first; chunk < u.last; ++chunk) gradients(chunk, {0, width});
    } else if (u.phase == 1) {
      for (int64_t i = u.first; i < u.last; ++i) combine(args.x.block(i));
    } else {
      for (int64_t chunk = u.last; chunk-- > u.first;) map(dx, dy, x, y, slopes, args, chunk, {0, width});
    }
  }

 private:
  static const T* wide_mean(const T* mean, const Columns& x, const Units& u) {
    if (x.fold == 1) return mean;
    T* const wide = static_cast<T*>(u.local);
    for (int64_t j = 0; j < x.C; ++j) wide[j] = mean[j];
    repeat_columns(wide, x);
    return wide;
  }

  static void finish(T* dgamma, T* dbeta, const Slopes<T>& slopes, T* totals, const T* sums, const T* mean,
                     const T* inv_std, const T* gamma, const Args& args, Range block) {
    const Range columns{block.begin, min(block.end, args.x.C)};
    T *const sum = totals, *const moment = totals + args.x.width;
    if (args.wants_sums) {
      combine_sums(sum, sums, args.x, columns);
      combine_sums(moment, sums + args.x.width, args.x, columns);
    } else {
      clear(sum, columns);
      clear(moment, columns);
    }
    const T share = T(1) / static_cast<T>(args.x.rows);
    for_each_vector<T>(columns, [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> inverse = get(inv_std), slope = gamma ? get(gamma) * inverse : inverse;
      const Vec<T> moved = get(moment) * inverse;
      if (dbeta) put(dbeta, get(sum));
      if (dgamma) put(dgamma, moved);
      put(slopes.mean, get(mean));
      put(slopes.slope, slope);
      put(slopes.tilt, slope * inverse * (moved * share));
      put(slopes.lift, slope * (get(sum) * share));
    });
    slopes.repeat(args.x);
  }

  static void map(T* dx, const T* dy, const T* x, const T* y, const Slopes<T>& slopes, const Args& args, int64_t chunk,
                  Range columns) {
    const int64_t start = args.x.start(chunk);
    const Walk walk = Walk::of(args.x, chunk, columns);
    const Chosen<T> chosen{args.activation, static_cast<T>(args.alpha)};
    with_activation(args.activation, [&]<Activation A>() __attribute__((always_inline)) {
      if (args.fixed)
        map_gradients<T, A, true>(dx + start, dy + start, x + start, from(y, start), slopes, chosen, walk);
      else
        map_gradients<T, A, false>(dx + start, dy + start, x + start, from(y, start), slopes, chosen, walk);
    });
  }
};

// moving_mean (C), moving_variance (C), updated in place | mean (C), inv_std (C)
// The variance is that of the batch, divided by its rows and not by one less, as in Keras.
template <class T>
struct BatchNormUpdate {
  struct Args {
    int64_t C;
    double momentum, epsilon;
  };

  static Args prepare(const Call& call) { return {call.size(0), call.number("momentum"), call.number("epsilon")}; }
  static int64_t units(const Args& args) { return ceil_div(args.C, kElementChunk); }
  static double cost(const Args& args) { return 20 + static_cast<double>(args.C); }

  static void run(T* moving_mean, T* moving_variance, const T* mean, const T* inv_std, const Args& args,
                  const Units& u) {
    const T weight = static_cast<T>(1 - args.momentum), epsilon = static_cast<T>(args.epsilon);
    for_each_vector<T>(covered(u, kElementChunk, args.C), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> inverse = get(inv_std), average = get(moving_mean), spread = get(moving_variance);
      const Vec<T> variance = maximum<T>(T(1) / (inverse * inverse) - epsilon, zero<T>());
      put(moving_mean, fma(get(mean) - average, splat(weight), average));
      put(moving_variance, fma(variance - spread, splat(weight), spread));
    });
  }
};

// scale (C), shift (C) | mean (C), variance (C), gamma (C)?, beta (C)?: x scale + shift is x normalized
template <class T>
struct BatchNormCoefficients {
  struct Args {
    int64_t C;
    double epsilon;
  };

  static Args prepare(const Call& call) { return {call.size(0), call.number("epsilon")}; }
  static int64_t units(const Args& args) { return ceil_div(args.C, kElementChunk); }
  static double cost(const Args& args) { return 20 + static_cast<double>(args.C); }

  static void run(T* scale, T* shift, const T* mean, const T* variance, const T* gamma, const T* beta, const Args& args,
                  const Units& u) {
    const T epsilon = static_cast<T>(args.epsilon);
    for_each_vector<T>(covered(u, kElementChunk, args.C), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> inverse = T(1) / square_root<T>(get(variance) + epsilon);
      const Vec<T> slope = gamma ? get(gamma) * inverse : inverse;
      put(scale, slope);
      put(shift, fma(-get(mean), slope, beta ? get(beta) : zero<T>()));
    });
  }
};

// y (rows, C) = act(x scale + shift + residual) | x, scale (C), shift (C), residual (rows, C)?
template <class T>
struct ScaleShift {
  using Args = BatchNormArgs;

  static Args prepare(const Call& call) {
    const Columns x = columns_of(call.leading(1, -1), call.dim(1, -1), sizeof(T));
    const double arrays = call.present(4) ? 3 : 2;
    return {x,
            0,
            call.number("alpha"),
            required_activation(call),
            1,
            0,
            1,
            arrays * static_cast<double>(x.size()) * sizeof(T)};
  }
  static int64_t units(const Args& args) { return args.x.units(); }
  static int64_t local_bytes(const Args& args) { return args.x.fold > 1 ? 2 * args.x.width * sizeof(T) : 0; }
  static double cost(const Args& args) { return 20 + stream_ns(args.bytes); }

  static void run(T* y, const T* x, const T* scale, const T* shift, const T* residual, const Args& args,
                  const Units& u) {
    const T *wide_scale = scale, *wide_shift = shift;
    if (args.x.fold > 1) {
      T *const a = static_cast<T*>(u.local), *const b = a + args.x.width;
      for (int64_t j = 0; j < args.x.C; ++j) a[j] = scale[j], b[j] = shift[j];
      repeat_columns(a, args.x);
      repeat_columns(b, args.x);
      wide_scale = a, wide_shift = b;
    }
    for (int64_t chunk = u.first; chunk < u.last; ++chunk) {
      const int64_t start = args.x.start(chunk);
      const Walk walk = Walk::of(args.x, chunk, {0, args.x.width});
      with_activation(args.activation, [&]<Activation A>() __attribute__((always_inline)) {
        map_rows<T, A, false>(y + start, x + start, from(residual, start), nullptr, wide_scale, wide_shift,
                              Chosen<T>{args.activation, static_cast<T>(args.alpha)}, walk);
      });
    }
  }
};

template <class T>
void add_batch_norm(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<BatchNormForward<T>>("batch_norm_forward", dtype);
  table.add<BatchNormBackward<T>>("batch_norm_backward", dtype);
  table.add<BatchNormUpdate<T>>("batch_norm_update", dtype);
  table.add<BatchNormCoefficients<T>>("batch_norm_coefficients", dtype);
  table.add<ScaleShift<T>>("scale_shift", dtype);
}

}  // namespace

void register_norm(Table& table) {
  for_floating_types([&]<class T>(DType) { add_batch_norm<T>(table); });
  add_layer_norm(table);
  add_group_norm(table);
}

}  // namespace gemmule::GEMMULE_ISA

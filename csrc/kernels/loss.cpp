// Losses and their gradients: one number a row over the last axis, or one an element.
//
// logits, targets, y_pred, y_true (N, C); loss, dloss (N); labels (N). A label that is no class gives NaN, in the loss
// and in its row of the gradient: it never addresses memory.
#include "elementwise.h"
#include "families.h"
#include "softmax.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kBlock = 16;  // rows whose logarithms are taken together

template <class T>
constexpr T kNaN = static_cast<T>(__builtin_nan(""));

// ---- Cross-entropy of a softmax ------------------------------------------------------------------------------------

template <class T>
struct SoftmaxLoss {
  using Args = Rows;

  static Args prepare(const Call& call) { return Rows::of(call, 1); }
  static int64_t units(const Args& args) { return args.units(); }
  static double cost(const Args& args) {
    const double exp_ns = sizeof(T) == 8 ? 10 : 5.0 / kLanes<T>;
    return static_cast<double>(args.rows) * (12 + static_cast<double>(args.columns) * exp_ns);
  }
};

template <class T>
struct SoftmaxLossBackward : SoftmaxLoss<T> {
  static Rows prepare(const Call& call) { return Rows::of(call, 0); }
};

// loss = log(sum(exp(x - max))) - (x[label] - max)
template <class T>
struct SparseSoftmaxCrossentropy : SoftmaxLoss<T> {
  static void run(T* loss, const T* logits, const int32_t* labels, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    for (int64_t i = begin; i < end; i += kBlock)
      block(loss + i, logits + i * args.columns, labels + i, min(kBlock, end - i), args.columns);
  }

  static void block(T* loss, const T* logits, const int32_t* labels, int64_t rows, int64_t C) {
    T log_sum[kBlock], picked[kBlock];
    for (int64_t i = 0; i < rows; ++i) {
      const T* x = logits + i * C;
      const T shift = row_max(x, C);
      log_sum[i] = row_sum_exp(x, C, shift);
      const int64_t label = labels[i];
      picked[i] = label >= 0 && label < C ? x[label] - shift : kNaN<T>;
    }
    log_in_place(log_sum, rows);
    for (int64_t i = 0; i < rows; ++i) loss[i] = log_sum[i] - picked[i];
  }
};

// dlogits = dloss (softmax - onehot)
template <class T>
struct SparseSoftmaxCrossentropyBackward : SoftmaxLossBackward<T> {
  static void run(T* dlogits, const T* dloss, const T* logits, const int32_t* labels, const Rows& args,
                  const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    for (int64_t i = begin; i < end; ++i)
      row(dlogits + i * args.columns, dloss[i], logits + i * args.columns, labels[i], args.columns);
  }

  static GEMMULE_INLINE void row(T* dx, T scale, const T* x, int64_t label, int64_t C) {
    const bool known = label >= 0 && label < C;
    if (!known) scale = kNaN<T>;
    const T inverse = T(1) / row_sum_exp(x, C, row_max(x, C), dx);
    // The label's element is corrected after the loop, so its probability has to be kept from being scaled away.
    const T at_label = known ? scale * (dx[label] * inverse - T(1)) : scale;
    for_each_vector<T>({0, C},
                       [=](auto get, auto put) __attribute__((always_inline)) { put(dx, get(dx) * inverse * scale); });
    if (known) dx[label] = at_label;
  }
};

// loss = log(sum(exp(x - max))) sum(t) - sum(t (x - max))
template <class T>
struct SoftmaxCrossentropy : SoftmaxLoss<T> {
  static void run(T* loss, const T* logits, const T* targets, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    for (int64_t i = begin; i < end; i += kBlock) {
      const int64_t at = i * args.columns;
      block(loss + i, logits + at, targets + at, min(kBlock, end - i), args.columns);
    }
  }

  static void block(T* loss, const T* logits, const T* targets, int64_t rows, int64_t C) {
    T log_sum[kBlock], total[kBlock], product[kBlock];
    for (int64_t i = 0; i < rows; ++i) {
      const T *x = logits + i * C, *t = targets + i * C;
      const T shift = row_max(x, C);
      log_sum[i] = row_sum_exp(x, C, shift);
      total[i] = row_sum<T>(
          C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) { return load_partial(t + j, lanes); });
      product[i] = row_sum<T>(C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
        return load_partial(t + j, lanes) * (load_partial(x + j, lanes) - shift);
      });
    }
    log_in_place(log_sum, rows);
    for (int64_t i = 0; i < rows; ++i) loss[i] = log_sum[i] * total[i] - product[i];
  }
};

// dlogits = dloss (softmax sum(t) - t)
template <class T>
struct SoftmaxCrossentropyBackward : SoftmaxLossBackward<T> {
  static void run(T* dlogits, const T* dloss, const T* logits, const T* targets, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * args.columns;
      row(dlogits + at, dloss[i], logits + at, targets + at, args.columns);
    }
  }

  static GEMMULE_INLINE void row(T* dx, T scale, const T* x, const T* t, int64_t C) {
    const T total = row_sum<T>(
        C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) { return load_partial(t + j, lanes); });
    const T factor = total / row_sum_exp(x, C, row_max(x, C), dx);
    for_each_vector<T>({0, C}, [=](auto get, auto put)
                                   __attribute__((always_inline)) { put(dx, (get(dx) * factor - get(t)) * scale); });
  }
};

// ---- Element by element --------------------------------------------------------------------------------------------

struct ElementArgs {
  int64_t size;
};

template <class T>
struct ElementLoss {
  using Args = ElementArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) {
    return static_cast<double>(args.size) * (sizeof(T) == 8 ? 20 : 6.0 / kLanes<T>);
  }
};

// loss = max(z, 0) - z t + log(1 + exp(-|z|))
template <class T>
struct SigmoidCrossentropy : ElementLoss<T> {
  static void run(T* loss, const T* logits, const T* targets, const ElementArgs& args, const Units& u) {
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> z = get(logits);
      put(loss, (maximum<T>(z, zero<T>()) - z * get(targets)) + log1p_bounded(exp(-absolute<T>(z))));
    });
  }
};

// dlogits = dloss (sigmoid(z) - t)
template <class T>
struct SigmoidCrossentropyBackward : ElementLoss<T> {
  static void run(T* dlogits, const T* dloss, const T* logits, const T* targets, const ElementArgs& args,
                  const Units& u) {
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      put(dlogits, get(dloss) * (sigmoid(get(logits)) - get(targets)));
    });
  }
};

// ---- Mean of an error over the row ---------------------------------------------------------------------------------

struct Squared {
  template <class T>
  static GEMMULE_INLINE Vec<T> value(Vec<T> error) {
    return error * error;
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> slope(Vec<T> error) {
    return error + error;
  }
};

struct Absolute {
  template <class T>
  static GEMMULE_INLINE Vec<T> value(Vec<T> error) {
    return absolute<T>(error);
  }
  template <class T>
  static GEMMULE_INLINE Vec<T> slope(Vec<T> error) {
    return select<T>(error > T(0), splat(T(1)), select<T>(error < T(0), splat(T(-1)), error));  // zero and NaN stay
  }
};

template <class T>
struct RowError {
  using Args = Rows;

  static int64_t units(const Args& args) { return args.units(); }
  static double cost(const Args& args) {
    const double size = static_cast<double>(args.rows * args.columns);
    return static_cast<double>(args.rows) * (args.columns == 1 ? 0 : 4) + stream_ns(3 * size * sizeof(T));
  }
};

// loss = mean(E(y_pred - y_true))
template <class T, class E>
struct MeanError : RowError<T> {
  static Rows prepare(const Call& call) { return Rows::of(call, 1); }

  static void run(T* loss, const T* y_pred, const T* y_true, const Rows& args, const Units& u) {
    const Range rows = args.covered_by(u);
    if (args.columns == 1) return single_column(loss, y_pred, y_true, rows);
    const T count = static_cast<T>(args.columns);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const T *p = y_pred + i * args.columns, *t = y_true + i * args.columns;
      loss[i] = row_sum<T>(args.columns,
                           [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
                             return E::template value<T>(load_partial(p + j, lanes) - load_partial(t + j, lanes));
                           }) /
                count;
    }
  }

  // Regression has one column as a rule: rows are lanes then.
  static void single_column(T* loss, const T* y_pred, const T* y_true, Range rows) {
    for_each_vector<T>(rows, [=](auto get, auto put) __attribute__((always_inline)) {
      put(loss, E::template value<T>(get(y_pred) - get(y_true)));
    });
  }
};

// dpred = dloss E'(y_pred - y_true) / C
template <class T, class E>
struct MeanErrorBackward : RowError<T> {
  static Rows prepare(const Call& call) { return Rows::of(call, 0); }

  static void run(T* dpred, const T* dloss, const T* y_pred, const T* y_true, const Rows& args, const Units& u) {
    const Range rows = args.covered_by(u);
    if (args.columns == 1) return single_column(dpred, dloss, y_pred, y_true, rows);
    const T count = static_cast<T>(args.columns);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const T scale = dloss[i] / count;
      const Range row{i * args.columns, (i + 1) * args.columns};
      for_each_vector<T>(row, [=](auto get, auto put) __attribute__((always_inline)) {
        put(dpred, E::template slope<T>(get(y_pred) - get(y_true)) * scale);
      });
    }
  }

  static void single_column(T* dpred, const T* dloss, const T* y_pred, const T* y_true, Range rows) {
    for_each_vector<T>(rows, [=](auto get, auto put) __attribute__((always_inline)) {
      put(dpred, E::template slope<T>(get(y_pred) - get(y_true)) * get(dloss));
    });
  }
};

template <class T>
void add_losses(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<SparseSoftmaxCrossentropy<T>>("sparse_softmax_crossentropy", dtype);
  table.add<SparseSoftmaxCrossentropyBackward<T>>("sparse_softmax_crossentropy_backward", dtype);
  table.add<SoftmaxCrossentropy<T>>("softmax_crossentropy", dtype);
  table.add<SoftmaxCrossentropyBackward<T>>("softmax_crossentropy_backward", dtype);
  table.add<SigmoidCrossentropy<T>>("sigmoid_crossentropy", dtype);
  table.add<SigmoidCrossentropyBackward<T>>("sigmoid_crossentropy_backward", dtype);
  table.add<MeanError<T, Squared>>("mean_squared_error", dtype);
  table.add<MeanErrorBackward<T, Squared>>("mean_squared_error_backward", dtype);
  table.add<MeanError<T, Absolute>>("mean_absolute_error", dtype);
  table.add<MeanErrorBackward<T, Absolute>>("mean_absolute_error_backward", dtype);
}

}  // namespace

void register_loss(Table& table) {
  for_floating_types([&]<class T>(DType) { add_losses<T>(table); });
}

}  // namespace gemmule::GEMMULE_ISA

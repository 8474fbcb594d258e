// Softmax and its logarithm over the last axis. x and y (N, C)
#include "softmax.h"

#include "families.h"

namespace gemmule::GEMMULE_ISA {

namespace {

template <class T>
struct OverRows {
  using Args = Rows;

  static Args prepare(const Call& call) { return Rows::of(call, 0); }
  static int64_t units(const Args& args) { return args.units(); }
  static double cost(const Args& args) {
    const double exp_ns = sizeof(T) == 8 ? 10 : 8.0 / kLanes<T>;
    return static_cast<double>(args.rows) * (12 + static_cast<double>(args.columns) * exp_ns);
  }
};

template <class T>
struct SoftmaxForward : OverRows<T> {
  static void run(T* y, const T* x, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    const int64_t C = args.columns;
    for (int64_t i = begin; i < end; ++i) row_softmax(y + i * C, x + i * C, C);
  }
};

// dx = y (dy - sum(dy y))
template <class T>
struct SoftmaxBackward : OverRows<T> {
  static void run(T* dx, const T* dy, const T* y, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * args.columns;
      backward_row(dx + at, dy + at, y + at, args.columns);
    }
  }

  static GEMMULE_INLINE void backward_row(T* dx, const T* dy, const T* y, int64_t C) {
    const T dot = row_sum<T>(C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
      return load_partial(dy + j, lanes) * load_partial(y + j, lanes);
    });
    for_each_vector<T>({0, C},
                       [=](auto get, auto put) __attribute__((always_inline)) { put(dx, get(y) * (get(dy) - dot)); });
  }
};

// y = (x - max) - log(sum(exp(x - max)))
template <class T>
struct LogSoftmaxForward : OverRows<T> {
  static constexpr int64_t kBlock = 16;  // rows whose logarithms are taken together

  static void run(T* y, const T* x, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    const int64_t C = args.columns;
    for (int64_t i = begin; i < end; i += kBlock) forward_block(y + i * C, x + i * C, min(kBlock, end - i), C);
  }

  static void forward_block(T* y, const T* x, int64_t rows, int64_t C) {
    T largest[kBlock], log_sum[kBlock];
    for (int64_t i = 0; i < rows; ++i) {
      largest[i] = row_max(x + i * C, C);
      log_sum[i] = row_sum_exp(x + i * C, C, largest[i]);
    }
    log_in_place(log_sum, rows);
    for (int64_t i = 0; i < rows; ++i) {
      const T shift = largest[i], scale = log_sum[i];
      for_each_vector<T>({i * C, (i + 1) * C},
                         [=](auto get, auto put) __attribute__((always_inline)) { put(y, (get(x) - shift) - scale); });
    }
  }
};

// dx = dy - exp(y) sum(dy)
template <class T>
struct LogSoftmaxBackward : OverRows<T> {
  static void run(T* dx, const T* dy, const T* y, const Rows& args, const Units& u) {
    const auto [begin, end] = args.covered_by(u);
    const int64_t C = args.columns;
    for (int64_t i = begin; i < end; ++i) {
      const T sum = row_sum<T>(C, [=](int64_t j, int64_t lanes)
                                      __attribute__((always_inline)) { return load_partial(dy + i * C + j, lanes); });
      for_each_vector<T>({i * C, (i + 1) * C}, [=](auto get, auto put) __attribute__((always_inline)) {
        put(dx, get(dy) - exp(get(y)) * sum);
      });
    }
  }
};

template <class T>
void add_softmax(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<SoftmaxForward<T>>("softmax_forward", dtype);
  table.add<SoftmaxBackward<T>>("softmax_backward", dtype);
  table.add<LogSoftmaxForward<T>>("log_softmax_forward", dtype);
  table.add<LogSoftmaxBackward<T>>("log_softmax_backward", dtype);
}

}  // namespace

void register_softmax(Table& table) {
  for_floating_types([&]<class T>(DType) { add_softmax<T>(table); });
}

}  // namespace gemmule::GEMMULE_ISA

// Optimizer steps: every array of parameters, gradients and slots is read once and written once.
#include "update.h"

#include "families.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunk = 4096;  // parameters a unit: a multiple of 64 bytes, so that no two threads share a line

struct UpdateArgs {
  int64_t size;
  int64_t arrays;  // passes over memory, reads and writes
  int64_t item;    // bytes
  int64_t nesterov;
};

struct Update {
  using Args = UpdateArgs;

  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return cost_ns(0, static_cast<double>(args.size * args.arrays * args.item)); }
};

// w, m, dw (n); hyper = learning rate, momentum
template <class T>
struct SgdStep : Update {
  static Args prepare(const Call& call) {
    return {call.size(0), call.present(1) ? 5 : 3, sizeof(T), call.flag("nesterov")};
  }

  static void run(T* w, T* m, const T* dw, const double* hyper, const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    const Sgd<T> sgd(hyper);
    if (m == nullptr)
      plain(w, dw, sgd, range);
    else if (args.nesterov)
      with_momentum<true>(w, m, dw, sgd, range);
    else
      with_momentum<false>(w, m, dw, sgd, range);
  }

  static void plain(T* w, const T* dw, const Sgd<T>& sgd, Range range) {
    for_each_vector<T>(range,
                       [&](auto get, auto put) __attribute__((always_inline)) { put(w, sgd.plain(get(w), get(dw))); });
  }

  template <bool kNesterov>
  static void with_momentum(T* w, T* m, const T* dw, const Sgd<T>& sgd, Range range) {
    for_each_vector<T>(range, [&](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> g = get(dw);
      const Vec<T> velocity = sgd.velocity(get(m), g);
      put(m, velocity);
      put(w, sgd.template step<kNesterov>(get(w), velocity, g));
    });
  }
};

// w, m, v, dw (n); hyper = learning rate, beta_1, beta_2, epsilon; step = updates done so far
template <class T>
struct AdamStep : Update {
  static Args prepare(const Call& call) { return {call.size(0), 7, sizeof(T), 0}; }

  static void run(T* w, T* m, T* v, const T* dw, const double* hyper, const int64_t* step, const Args& args,
                  const Units& u) {
    const Adam<T> adam(hyper, *step);
    for_each_vector<T>(covered(u, kChunk, args.size), [&](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> g = get(dw);
      const Vec<T> mean = adam.first_moment(get(m), g);
      const Vec<T> square = adam.second_moment(get(v), g);
      put(m, mean);
      put(v, square);
      put(w, adam.step(get(w), mean, square));
    });
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<SgdStep<T>>("sgd_step", dtype);
  table.add<AdamStep<T>>("adam_step", dtype);
}

}  // namespace

void register_update(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA

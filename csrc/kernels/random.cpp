// Random arrays out of Philox streams. Raw, uniform and permuted numbers have the same bits on every level and in the
// NumPy twins; normal ones take one scalar float64 path, so that initial weights do not depend on the machine.
#include "random.h"

#include "families.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunk = 1024;

struct SizeArgs {
  int64_t size;
};

// The first 53 bits of two words.
GEMMULE_INLINE uint64_t bits53(const uint32_t* words) { return (uint64_t{words[0]} << 32 | words[1]) >> 11; }

// out (n) uint32: the words of the stream
struct RandomBits {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return 0.3 * static_cast<double>(args.size); }

  static void run(uint32_t* out, const uint64_t* key, const Args& args, const Units& u) {
    for_each_word<1>(key, covered(u, kChunk, args.size), [=](const uint32_t* words, int64_t begin, int64_t end) {
      __builtin_memcpy(out + begin, words, (end - begin) * sizeof(uint32_t));
    });
  }
};

// out (n) = low + (high - low)*u with u in [0, 1): 24 bits of one word, or 53 bits of two for float64
template <class T>
struct RandomUniform {
  struct Args {
    int64_t size;
    double low, high;
  };
  static constexpr int kPer = sizeof(T) / 4;

  static Args prepare(const Call& call) { return {call.size(0), call.number("low"), call.number("high")}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return 0.4 * kPer * static_cast<double>(args.size); }

  static void run(T* out, const uint64_t* key, const Args& args, const Units& u) {
    const T low = static_cast<T>(args.low), width = static_cast<T>(args.high - args.low);
    for_each_word<kPer>(key, covered(u, kChunk, args.size), [=](const uint32_t* words, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = low + width * unit(words + kPer * (i - begin));
    });
  }

  static GEMMULE_INLINE T unit(const uint32_t* words) {
    if constexpr (kPer == 1)
      return static_cast<T>(static_cast<int32_t>(words[0] >> 8)) * static_cast<T>(0x1p-24);
    else
      return static_cast<T>(bits53(words)) * static_cast<T>(0x1p-53);
  }
};

// A polynomial with coefficients in rising order, by Horner's rule.
template <int N>
GEMMULE_INLINE double polynomial(const double (&c)[N], double x) {
  double value = c[N - 1];
  for (int i = N - 2; i >= 0; --i) value = value * x + c[i];
  return value;
}

// The normal quantile at 1/2 + q: Wichura's PPND16, "Algorithm AS 241: The Percentage Points of the Normal
// Distribution" (Applied Statistics 37, 1988), good to 1e-16. Taking q rather than the probability keeps both tails
// exact.
double normal_quantile(double q) {
  // clang-format off
  constexpr double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                          1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr double b[] = {1.0,
                          4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
                          2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
                          5.2264952788528545610e+3};
  constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,  5.76949722146069140550e0,
                          3.64784832476320460504e0,  1.27045825245236838258e0,  2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[] = {1.0,
                          2.05319162663775882187e0,  1.67638483018380384940e0,  6.89767334985100004550e-1,
                          1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
  constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                          2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[] = {1.0,
                          5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                          7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
                          2.04426310338993978564e-15};
  // clang-format on
  const double distance = __builtin_fabs(q);
  if (distance <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = __builtin_sqrt(-__builtin_log(0.5 - distance));
  const double z =
      r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : polynomial(e, r - 5) / polynomial(f, r - 5);
  return __builtin_copysign(z, q);
}

// out (n) float64: mean + stddev*z, z the quantile of u = (k + 1/2)*2^-53 with 53 random bits k. Truncated: u is
// squeezed into the middle, so that |z| < 2.
struct RandomNormal {
  struct Args {
    int64_t size;
    double mean, stddev, width;
  };
  static constexpr double kWithinTwo = 0.95449973610364158560;  // Φ(2) - Φ(-2)

  static Args prepare(const Call& call) {
    return {call.size(0), call.number("mean"), call.number("stddev"), call.flag("truncated") ? kWithinTwo : 1};
  }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return 15.0 * static_cast<double>(args.size); }

  static void run(double* out, const uint64_t* key, const Args& args, const Units& u) {
    for_each_word<2>(key, covered(u, kChunk, args.size), [&](const uint32_t* words, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        // u - 1/2, exact: k - 2^52 + 1/2 fits into 53 bits.
        const int64_t k = static_cast<int64_t>(bits53(words + 2 * (i - begin))) - (int64_t{1} << 52);
        const double q = (static_cast<double>(k) + 0.5) * 0x1p-53;
        out[i] = args.mean + args.stddev * normal_quantile(q * args.width);
      }
    });
  }
};

// out (n) int64: 0 ... n-1 in random order. Fisher and Yates: from the last place down, each place is swapped with one
// not after it. Serial, as every swap depends on those before.
struct RandomPermutation {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) { return 3.0 * static_cast<double>(args.size); }

  static void run(int64_t* out, const uint64_t* key, const Args& args, const Units&) {
    const int64_t n = args.size;
    for (int64_t i = 0; i < n; ++i) out[i] = i;
    for_each_word<1>(key, {0, n - 1}, [=](const uint32_t* words, int64_t begin, int64_t end) {
      for (int64_t step = begin; step < end; ++step) {
        const int64_t i = n - 1 - step;
        const int64_t j = static_cast<int64_t>(uint64_t{words[step - begin]} * static_cast<uint64_t>(i + 1) >> 32);
        const int64_t swapped = out[i];
        out[i] = out[j];
        out[j] = swapped;
      }
    });
  }
};

}  // namespace

void register_random(Table& table) {
  add_any<RandomBits>(table, "random_bits");
  add_any<RandomPermutation>(table, "random_permutation");
  for_floating_types([&]<class T>(DType dtype) { table.add<RandomUniform<T>>("random_uniform", dtype); });
  if constexpr (kCarriesDoubles) table.add<RandomNormal>("random_normal", DType::float64);
}

}  // namespace gemmule::GEMMULE_ISA

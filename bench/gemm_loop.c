// Calls a BLAS's sgemm again and again, without Python in between. The function is handed over as a pointer, so that
// one loop serves every library, with 32-bit integers or 64-bit ones.
#include <stdint.h>
#include <time.h>

enum { kRowMajor = 101, kNoTrans = 111, kTrans = 112 };

typedef void (*sgemm32)(int, int, int, int32_t, int32_t, int32_t, float, const float*, int32_t, const float*, int32_t,
                        float, float*, int32_t);
typedef void (*sgemm64)(int, int, int, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t,
                        float, float*, int64_t);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// out (M, N) = op(a) (M, K) · op(b) (K, N); seconds[repeats] receives the time of each call.
void time_sgemm(void* function, int wide, int transpose_a, int transpose_b, int M, int N, int K, const float* a,
                const float* b, float* out, int repeats, double* seconds) {
  const int ta = transpose_a ? kTrans : kNoTrans, tb = transpose_b ? kTrans : kNoTrans;
  const int lda = transpose_a ? M : K, ldb = transpose_b ? K : N;
  for (int i = 0; i < repeats; ++i) {
    const double start = now();
    if (wide)
      ((sgemm64)function)(kRowMajor, ta, tb, M, N, K, 1.0f, a, lda, b, ldb, 0.0f, out, N);
    else
      ((sgemm32)function)(kRowMajor, ta, tb, M, N, K, 1.0f, a, lda, b, ldb, 0.0f, out, N);
    seconds[i] = now() - start;
  }
}

// Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
//
// A block of four 32-bit words is a function of a key and a counter, so any part of a stream can be computed by itself:
// units start wherever they like, and the bits do not depend on how the work is divided.
#pragma once
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

// The stream of one call. key (3) = {seed, stream, calls}: the words of the Philox key are the seed's, the words of the
// counter are block, calls low, stream low, calls high ^ stream high.
class Philox {
 public:
  // One block in each 64-bit lane, and four vectors at a time: a round is a chain of slow multiplications.
  static constexpr int kWays = 4;
  static constexpr int64_t kBlocks = kWays * kLanes<uint64_t>;
  static constexpr int64_t kWords = 4 * kBlocks;

  explicit Philox(const uint64_t* key) {
    constexpr uint32_t kWeyl[2] = {0x9E3779B9, 0xBB67AE85};  // golden ratio, sqrt(3) - 1
    const uint64_t seed = key[0], stream = key[1], calls = key[2];
    for (int round = 0; round < kRounds; ++round) {
      key_[round][0] = static_cast<uint32_t>(seed) + round * kWeyl[0];
      key_[round][1] = static_cast<uint32_t>(seed >> 32) + round * kWeyl[1];
    }
    counter_[0] = static_cast<uint32_t>(calls);
    counter_[1] = static_cast<uint32_t>(stream);
    counter_[2] = static_cast<uint32_t>((calls >> 32) ^ (stream >> 32));
  }

  // Words [first, first + n) of the stream; first is a multiple of 4, n one of kWords.
  GEMMULE_INLINE void words(uint32_t* out, int64_t first, int64_t n) const {
    for (int64_t i = 0; i < n; i += kWords) group(out + i, static_cast<uint64_t>(first + i) / 4);
  }

 private:
  static constexpr int kRounds = 10;

  GEMMULE_INLINE void group(uint32_t* out, uint64_t block) const {
    using V = Vec<uint64_t>;
    const V m0 = splat<uint64_t>(0xD2511F53), m1 = splat<uint64_t>(0xCD9E8D57);
    V c0[kWays], c1[kWays], c2[kWays], c3[kWays];
#pragma GCC unroll 4
    for (int k = 0; k < kWays; ++k) {
      c0[k] = splat(block + k * kLanes<uint64_t>) + lane_numbers<uint64_t>();
      c1[k] = splat(counter_[0]), c2[k] = splat(counter_[1]), c3[k] = splat(counter_[2]);
    }
#pragma GCC unroll 10
    for (int round = 0; round < kRounds; ++round) {
      // Only the low half of a lane is a word. What the high halves pick up on the way never reaches a product.
      const V k0 = splat(key_[round][0]), k1 = splat(key_[round][1]);
#pragma GCC unroll 4
      for (int k = 0; k < kWays; ++k) {
        const V p0 = multiply_low_halves(c0[k], m0), p1 = multiply_low_halves(c2[k], m1);
        c0[k] = (p1 >> 32) ^ c1[k] ^ k0;
        c1[k] = p1;
        c2[k] = (p0 >> 32) ^ c3[k] ^ k1;
        c3[k] = p0;
      }
    }
    const V low = splat<uint64_t>(0xffffffff);
#pragma GCC unroll 4
    for (int k = 0; k < kWays; ++k)
      interleave(out + k * 4 * kLanes<uint64_t>, (c0[k] & low) | (c1[k] << 32), (c2[k] & low) | (c3[k] << 32),
                 typename MakeIndices<kLanes<uint64_t>>::type{});
  }

  // Lane after lane: the four words of one block, then those of the next.
  template <size_t... I>
  static GEMMULE_INLINE void interleave(uint32_t* out, Vec<uint64_t> a, Vec<uint64_t> b, Indices<I...>) {
    using V = Vec<uint64_t>;
    const V first = __builtin_shufflevector(a, b, (I / 2 + (I & 1) * sizeof...(I))...);
    const V second = __builtin_shufflevector(a, b, ((I + sizeof...(I)) / 2 + (I & 1) * sizeof...(I))...);
    store(out, reinterpret_cast<Vec<uint32_t>>(first));
    store(out + kLanes<uint32_t>, reinterpret_cast<Vec<uint32_t>>(second));
  }

  uint64_t key_[kRounds][2];
  uint64_t counter_[3];
};

// Calls body(words, begin, end) for the elements [begin, end) of the range, piece by piece, with `kPer` words for each
// of them. Ranges begin at a multiple of 4 elements.
template <int kPer, class Body>
GEMMULE_INLINE void for_each_word(const uint64_t* key, Range range, const Body& body) {
  constexpr int64_t kPiece = 256;
  static_assert(kPiece % Philox::kWords == 0);
  const Philox philox(key);
  alignas(64) uint32_t words[kPiece];
  for (int64_t begin = range.begin; begin < range.end; begin += kPiece / kPer) {
    const int64_t end = min(begin + kPiece / kPer, range.end);
    philox.words(words, begin * kPer, round_up((end - begin) * kPer, Philox::kWords));
    body(words, begin, end);
  }
}

}  // namespace gemmule::GEMMULE_ISA

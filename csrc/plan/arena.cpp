#include "arena.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gemmule {

namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

// Consecutive arena addresses that differ by a multiple of 4096 collide in the L1 cache when two buffers are read in
// step; one extra line between buffers takes them apart.
int64_t padded(int64_t bytes) { return (bytes + 2 * kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

bool overlap(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

int64_t lay_out(std::vector<Lifetime*>& buffers) {
  // Largest first, each at the lowest offset that is free for its whole life. The order depends on sizes and steps
  // alone, so equal plans get equal layouts.
  std::vector<Lifetime*> order = buffers;
  std::stable_sort(order.begin(), order.end(),
                   [](const Lifetime* a, const Lifetime* b) { return a->bytes > b->bytes; });
  std::vector<Lifetime*> placed;  // sorted by offset
  int64_t total = 0;
  for (Lifetime* buffer : order) {
    int64_t offset = 0;
    for (const Lifetime* other : placed) {
      if (!overlap(*buffer, *other)) continue;
      if (offset + padded(buffer->bytes) <= other->offset) break;
      offset = std::max(offset, other->offset + padded(other->bytes));
    }
    buffer->offset = offset;
    total = std::max(total, offset + padded(buffer->bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer,
                                   [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; }),
                  buffer);
  }
  return total;
}

Arena::Arena(int64_t bytes) : bytes_(bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : 4096;
  const int64_t rounded = std::max<int64_t>((bytes + alignment - 1) / alignment * alignment, alignment);
  data_ = static_cast<char*>(std::aligned_alloc(alignment, rounded));
  if (data_ == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == kHugePage) madvise(data_, rounded, MADV_HUGEPAGE);
#endif
}

Arena::~Arena() { std::free(data_); }

}  // namespace gemmule

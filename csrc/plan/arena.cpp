#include "arena.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gemmule {

namespace {

constexpr int64_t kPage = 4096, kHugePage = int64_t{2} << 20;

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

#if defined(__linux__)

// Straight from the system, and back to it: malloc would keep the holes that plans of many sizes leave behind.
Arena::Arena(int64_t bytes) : bytes_(bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kPage;
  mapped_ = std::max((bytes + alignment - 1) / alignment * alignment, alignment);
  const int64_t spare = alignment - kPage;
  void* block = mmap(nullptr, mapped_ + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  const int64_t skipped = -reinterpret_cast<intptr_t>(block) & (alignment - 1);
  data_ = static_cast<char*>(block) + skipped;
  if (skipped > 0) munmap(block, skipped);
  if (spare > skipped) munmap(data_ + mapped_, spare - skipped);
  if (alignment == kHugePage) madvise(data_, mapped_, MADV_HUGEPAGE);
}

Arena::~Arena() { munmap(data_, mapped_); }

#else

Arena::Arena(int64_t bytes) : bytes_(bytes) {
  mapped_ = std::max((bytes + kPage - 1) / kPage * kPage, kPage);
  data_ = static_cast<char*>(std::aligned_alloc(kPage, mapped_));
  if (data_ == nullptr) throw std::bad_alloc();
}

Arena::~Arena() { std::free(data_); }

#endif

}  // namespace gemmule

// Where the temporaries of a plan lie: one block of memory, shared by buffers whose lifetimes do not overlap.
#pragma once
#include <cstdint>
#include <vector>

namespace gemmule {

struct Lifetime {
  int64_t bytes;
  int first;  // step that writes the buffer first
  int last;   // step that uses it last
  int64_t offset = 0;
};

// Fills in the offsets and returns the bytes needed in all. Offsets are multiples of `kArenaAlignment`.
int64_t lay_out(std::vector<Lifetime*>& buffers);

constexpr int64_t kArenaAlignment = 64;

// A block of memory that starts on a page, on a huge page when it is large.
class Arena {
 public:
  explicit Arena(int64_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  char* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  char* data_;
  int64_t bytes_;
  int64_t mapped_;  // whole pages
};

}  // namespace gemmule

// What kernels have made of weights, kept from run to run until the weights change.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>

#include "arena.h"

namespace gemmule {

// One block of memory for a plan and its clones, which may run at the same time. A block is filled once and then only
// read; whoever reads an old one holds it until the run ends.
class Kept {
 public:
  struct Lease {
    std::shared_ptr<Arena> block;  // null: do everything, as if nothing were kept
    bool fill = false;             // the block is empty: fill it, then publish it
  };

  // `version` says which weights there are. Filling costs what one to three runs gain by it (ResNet-18, one
  // picture: 6.3 ms without, 8 to 11 ms while filling, 4.4 ms with), so it is asked for when a third run sees the same
  // version; at once by a plan that reads weights several times in a run.
  static constexpr int kRunsBefore = 2;
  Lease lease(int64_t version, int64_t bytes, int runs_before = kRunsBefore);
  void publish(int64_t version, std::shared_ptr<Arena> block);

  // Gives the memory back, as soon as nobody reads it.
  void forget();

  int64_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Arena> block_;
  int64_t version_ = -1;  // of the weights in the block
  int64_t seen_ = -1;     // by the last run
  int runs_ = 0;          // that have seen it and did without
  int64_t filling_ = -1;  // by a run that has not ended
};

}  // namespace gemmule

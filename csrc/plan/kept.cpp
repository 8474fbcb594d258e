#include "kept.h"

#include <new>
#include <utility>

namespace gemmule {

namespace {

// A child after fork may find the lock held by a thread that it does not have: it does without.
class Guard {
 public:
  explicit Guard(std::mutex& mutex) : lock_(mutex, std::defer_lock) {
    for (int tries = 0; tries < 10000 && !lock_.try_lock(); ++tries) {
    }
  }
  explicit operator bool() const { return lock_.owns_lock(); }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace

Kept::Lease Kept::lease(int64_t version, int64_t bytes, int runs_before) {
  std::shared_ptr<Arena> block;
  {
    const Guard guard(mutex_);
    if (!guard || filling_ == version) return {};
    if (block_ != nullptr && version_ == version) return {block_, false};
    runs_ = seen_ == version ? runs_ + 1 : 1;
    seen_ = version;
    if (runs_ <= runs_before) return {};
    filling_ = version;
    block = std::exchange(block_, nullptr);
  }
  if (block != nullptr && block.use_count() == 1) return {std::move(block), true};
  try {
    return {std::make_shared<Arena>(bytes), true};
  } catch (const std::bad_alloc&) {  // faster would have been nice
    return {};
  }
}

void Kept::publish(int64_t version, std::shared_ptr<Arena> block) {
  const Guard guard(mutex_);
  if (!guard || filling_ != version) return;
  block_ = std::move(block);
  version_ = version;
  filling_ = -1;
}

void Kept::forget() {
  std::shared_ptr<Arena> block;
  const Guard guard(mutex_);
  if (!guard) return;
  block = std::exchange(block_, nullptr);
  seen_ = filling_ = -1;
}

int64_t Kept::bytes() const {
  const Guard guard(mutex_);
  return guard && block_ != nullptr ? block_->bytes() : 0;
}

}  // namespace gemmule

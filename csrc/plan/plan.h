// A recorded list of kernel calls that runs again and again without Python: a training step, or a prediction.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "../kernels/common.h"
#include "arena.h"

namespace gemmule {

struct BufferRef {
  int buffer;      // index into the plan's buffers, or -1 for an absent operand
  int64_t offset;  // bytes from its start
};

struct Step {
  const Kernel* kernel = nullptr;  // null for a guard: stop the plan when operand 0, an int32, is not zero
  Launch launch;
  std::vector<BufferRef> refs;
  std::vector<void*> pointers;
};

struct Outcome {
  int64_t completed;  // whole runs of the list
  int code;           // what the guard found that ended the last one, 0 if none did
};

class Plan {
 public:
  // Memory that outlives the plan, or (`external` null and `temporary`) a place in the arena.
  int add_buffer(int64_t bytes, void* external, bool temporary);
  void add_step(const Kernel& kernel, const Call& call, std::vector<BufferRef> refs);
  void add_guard(BufferRef flag);

  // Lays out the arena. No steps or buffers can be added afterwards.
  void finish();

  // Another plan over the same persistent memory with an arena of its own, to run at the same time.
  std::unique_ptr<Plan> clone() const;

  // Points an external buffer somewhere else: the next batch's input, another data set. One run at a time: a plan is
  // bound and run by one thread, others work on clones.
  void bind(int buffer, void* memory);

  // Runs the list up to `count` times, but starts no further run after `seconds`.
  Outcome run(int64_t count, double seconds, int threads);

  int64_t arena_bytes() const { return arena_ ? arena_->bytes() : 0; }
  int64_t scratch_bytes() const;
  size_t step_count() const { return steps_.size(); }

 private:
  struct Buffer {
    int64_t bytes;
    void* external;
    bool temporary;
    Lifetime life;
    std::vector<std::pair<int, int>> uses = {};  // (step, operand) of external buffers, for bind()
  };
  // Neighbouring small steps run on one thread without barriers between them.
  struct Segment {
    size_t first, last;
    bool parallel;
  };

  void* address(const BufferRef& ref) const;
  void resolve(Step& step);
  void cut_segments();
  void allocate_scratch(int threads);
  void run_serially(int64_t count, double deadline, Outcome& outcome);
  void run_as_team(int64_t count, double deadline, int threads, Outcome& outcome);
  int run_segment_alone(const Segment& segment);

  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  double cost_ = 0;        // of all steps together, in rough nanoseconds on one core
  bool parallel_ = false;  // whether any step is worth a second thread
  int64_t layout_bytes_ = 0;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<Arena> scratch_;
  int64_t shared_bytes_ = 0, local_bytes_ = 0;
  int scratch_threads_ = 0;
};

}  // namespace gemmule

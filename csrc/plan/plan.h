// A recorded list of kernel calls that runs again and again without Python: a training step, or a prediction.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "../kernels/common.h"
#include "arena.h"
#include "kept.h"

namespace gemmule {

struct BufferRef {
  int buffer;        // index into the plan's buffers, or -1 for an absent operand
  int64_t offset;    // bytes from its start
  int64_t step = 0;  // bytes from one example to the next where a loop goes through a batch
};

struct Step {
  const Kernel* kernel = nullptr;  // null for a guard: stop the plan when operand 0, an int32, is not zero
  std::shared_ptr<const Launch> launch;
  std::vector<BufferRef> refs;
  std::vector<void*> pointers;
  // The same with what phase 0 makes of the weights in memory of its own, and where that lies; null if nothing is kept.
  std::shared_ptr<const Launch> kept;
  int64_t kept_at = 0;
  int loop = -1;       // the first step of the loop that repeats it
  bool again = false;  // in a later round
};

struct Outcome {
  int64_t completed;  // whole runs of the list
  int code;           // what the guard found that ended the last one, 0 if none did
};

class Plan {
 public:
  // Memory that outlives the plan, or (`external` null and `temporary`) a place in the arena.
  // `steady` memory changes between runs only, and then with their version.
  int add_buffer(int64_t bytes, void* external, bool temporary, bool steady = false);
  void add_step(const Kernel& kernel, const Call& call, std::vector<BufferRef> refs);
  void add_guard(BufferRef flag);

  // The steps from `first` on go through a batch, a few examples at a time: they began at example 0, and are repeated
  // for those that begin at `starts`. Temporaries of one round serve all of them.
  void repeat(int first, const std::vector<int64_t>& starts);

  // Lays out the arena. No steps or buffers can be added afterwards.
  void finish();

  // Another plan over the same persistent memory with an arena of its own, to run at the same time.
  std::unique_ptr<Plan> clone() const;

  // Points an external buffer somewhere else: the next batch's input, another data set. One run at a time: a plan is
  // bound and run by one thread, others work on clones.
  void bind(int buffer, void* memory);

  // Runs the list up to `count` times, but starts no further run after `seconds`. A `version` other than -1 counts the
  // changes of steady memory: what kernels make of it is kept while the version stays the same.
  Outcome run(int64_t count, double seconds, int threads, int64_t version = -1);

  void forget_kept() const { kept_->forget(); }
  int64_t kept_bytes() const { return kept_->bytes(); }    // now
  int64_t most_kept_bytes() const { return kept_total_; }  // once all is filled
  int64_t arena_bytes() const { return arena_ ? arena_->bytes() : 0; }
  int64_t scratch_bytes() const;
  size_t step_count() const { return steps_.size(); }

 private:
  struct Buffer {
    int64_t bytes;
    void* external;
    bool temporary;
    bool steady;
    Lifetime life;
    std::vector<std::pair<int, int>> uses = {};  // (step, operand) of external buffers, for bind()
  };
  // Neighbouring small steps run on one thread without barriers between them.
  struct Segment {
    size_t first, last;
    bool parallel;
  };

  // How a step is run this time: from which phase on, and with which shared memory.
  struct Way {
    const Launch& launch;
    int first_phase;
    char* shared;
  };

  void keep(Step& step);
  void find_lives();
  Way way(const Step& step) const;
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
  bool loops_ = false;     // whether steps are repeated
  int64_t layout_bytes_ = 0;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<Arena> scratch_;
  int64_t shared_bytes_ = 0, local_bytes_ = 0;
  int scratch_threads_ = 0;
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();  // of all clones
  int64_t kept_total_ = 0;
  Kept::Lease lease_;  // of the current run
};

}  // namespace gemmule

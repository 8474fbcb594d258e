#include "plan.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "../kernels/parallel.h"

namespace gemmule {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A run shorter than this (by the kernels' rough costs) gains less from a second thread than it takes to wake one up.
constexpr double kBriefNs = 300e3;
constexpr double kAwakeSeconds = 1e-3;  // for so long after its last work a team is sure to be spinning still

constexpr int64_t kLargeBytes = int64_t{1} << 24;

// The eager steps before a plan leave free memory behind that the plan has no use for.
void give_back_memory() {
  release_scratch();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

std::atomic<double> last_run{0};  // when any plan ended last

int64_t rounded(int64_t bytes) { return (bytes + 127) / 64 * 64; }

bool is_parallel(const Step& step) {
  if (step.kernel == nullptr || step.launch->cost < kPlanSerialNs) return false;
  return step.launch->phases > 1 || step.kernel->units(step.launch->args, 0) > 1;
}

}  // namespace

int Plan::add_buffer(int64_t bytes, void* external, bool temporary, bool steady) {
  constexpr int kNever = std::numeric_limits<int>::max();
  buffers_.push_back(Buffer{bytes, external, temporary, steady, Lifetime{bytes, kNever, -1}});
  return static_cast<int>(buffers_.size()) - 1;
}

void Plan::add_step(const Kernel& kernel, const Call& call, std::vector<BufferRef> refs) {
  Step step;
  step.kernel = &kernel;
  auto launch = std::make_shared<Launch>();
  prepare(kernel, call, *launch);
  step.launch = std::move(launch);
  step.refs = std::move(refs);
  keep(step);
  steps_.push_back(std::move(step));
}

void Plan::keep(Step& step) {
  if (step.kernel->keep == nullptr) return;
  auto kept = std::make_shared<Launch>(*step.launch);
  const int operand = step.kernel->keep(*kept);
  if (operand < 0 || step.refs[operand].buffer < 0 || !buffers_[step.refs[operand].buffer].steady) return;
  step.kept_at = kept_total_;
  kept_total_ += rounded(kept->shared_bytes);
  step.kept = std::move(kept);
}

void Plan::add_guard(BufferRef flag) {
  Step step;
  step.launch = std::make_shared<Launch>();
  step.refs = {flag};
  steps_.push_back(std::move(step));
}

void Plan::repeat(int first, const std::vector<int64_t>& starts) {
  const int end = static_cast<int>(steps_.size());
  for (const int64_t start : starts) {
    for (int i = first; i < end; ++i) {
      steps_[i].loop = first;
      Step step = steps_[i];
      for (BufferRef& ref : step.refs) ref.offset += start * ref.step;
      step.again = loops_ = true;
      steps_.push_back(std::move(step));
    }
  }
}

void Plan::find_lives() {
  for (int i = 0; i < static_cast<int>(steps_.size()); ++i) {
    for (int k = 0; k < static_cast<int>(steps_[i].refs.size()); ++k) {
      const Step& step = steps_[i];
      const BufferRef& ref = step.refs[k];
      if (ref.buffer < 0) continue;
      Buffer& buffer = buffers_[ref.buffer];
      if (!buffer.temporary) buffer.uses.emplace_back(i, k);
      // What belongs to one round is dead between rounds; what all of them read or fill lives through the loop.
      if (step.again && ref.step == 0 && buffer.life.first >= step.loop) continue;
      const int first = step.loop >= 0 && ref.step != 0 ? step.loop : i;
      buffer.life.first = std::min(buffer.life.first, first);
      buffer.life.last = std::max(buffer.life.last, i);
    }
  }
}

void Plan::finish() {
  find_lives();
  std::vector<Lifetime*> temporaries;
  for (Buffer& buffer : buffers_)
    if (buffer.temporary && buffer.life.last >= 0) temporaries.push_back(&buffer.life);
  layout_bytes_ = lay_out(temporaries);
  if (layout_bytes_ >= kLargeBytes) give_back_memory();
  arena_ = std::make_unique<Arena>(layout_bytes_);
  for (Step& step : steps_) {
    resolve(step);
    if (step.kernel != nullptr) cost_ += step.launch->cost;
  }
  parallel_ = std::any_of(steps_.begin(), steps_.end(), is_parallel);
  cut_segments();
}

std::unique_ptr<Plan> Plan::clone() const {
  auto copy = std::make_unique<Plan>();
  copy->buffers_ = buffers_;
  copy->steps_ = steps_;
  copy->loops_ = loops_;
  copy->segments_ = segments_;
  copy->cost_ = cost_;
  copy->parallel_ = parallel_;
  copy->layout_bytes_ = layout_bytes_;
  copy->kept_ = kept_;
  copy->kept_total_ = kept_total_;
  copy->arena_ = std::make_unique<Arena>(layout_bytes_);
  for (Step& step : copy->steps_) copy->resolve(step);
  return copy;
}

void* Plan::address(const BufferRef& ref) const {
  if (ref.buffer < 0) return nullptr;
  const Buffer& buffer = buffers_[ref.buffer];
  char* base = buffer.temporary ? arena_->data() + buffer.life.offset : static_cast<char*>(buffer.external);
  return base + ref.offset;
}

void Plan::resolve(Step& step) {
  step.pointers.resize(step.refs.size());
  for (size_t i = 0; i < step.refs.size(); ++i) step.pointers[i] = address(step.refs[i]);
}

void Plan::bind(int buffer, void* memory) {
  Buffer& target = buffers_[buffer];
  if (target.external == memory) return;
  target.external = memory;
  for (const auto& [step, operand] : target.uses) steps_[step].pointers[operand] = address(steps_[step].refs[operand]);
}

void Plan::cut_segments() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool parallel = is_parallel(steps_[i]);
    if (!parallel && !segments_.empty() && !segments_.back().parallel)
      segments_.back().last = i + 1;
    else
      segments_.push_back(Segment{i, i + 1, parallel});
  }
}

int64_t Plan::scratch_bytes() const { return scratch_ ? scratch_->bytes() : 0; }

void Plan::allocate_scratch(int threads) {
  if (threads <= scratch_threads_) return;
  for (const Step& step : steps_) {
    shared_bytes_ = std::max(shared_bytes_, rounded(step.launch->shared_bytes));
    local_bytes_ = std::max(local_bytes_, rounded(step.launch->local_bytes));
    if (step.kept) local_bytes_ = std::max(local_bytes_, rounded(step.kept->local_bytes));
  }
  scratch_ = std::make_unique<Arena>(shared_bytes_ + threads * local_bytes_);
  scratch_threads_ = threads;
}

Plan::Way Plan::way(const Step& step) const {
  if (lease_.block == nullptr || step.kept == nullptr) return {*step.launch, 0, scratch_->data()};
  return {*step.kept, lease_.fill && !step.again ? 0 : 1, lease_.block->data() + step.kept_at};
}

int Plan::run_segment_alone(const Segment& segment) {
  char* const local = scratch_->data() + shared_bytes_;
  for (size_t i = segment.first; i < segment.last; ++i) {
    const Step& step = steps_[i];
    if (step.kernel == nullptr) {
      if (const int code = *static_cast<const int32_t*>(step.pointers[0])) return code;
      continue;
    }
    const Way w = way(step);
    for (int phase = w.first_phase; phase < w.launch.phases; ++phase)
      run_share(*step.kernel, w.launch, step.pointers.data(), phase, 0, 1, w.shared, local);
  }
  return 0;
}

void Plan::run_serially(int64_t count, double deadline, Outcome& outcome) {
  FlushDenormals mode;
  while (outcome.completed < count) {
    for (const Segment& segment : segments_) {
      outcome.code = run_segment_alone(segment);
      if (outcome.code != 0) return;
    }
    ++outcome.completed;
    if (now() >= deadline) return;
  }
}

void Plan::run_as_team(int64_t count, double deadline, int threads, Outcome& outcome) {
  Barrier barrier;
  int code = 0;
  bool late = false;
  // Every thread walks the same list and meets the others after each segment. What one thread decides for all (a guard,
  // the deadline) it writes before a barrier and all read behind it.
  run_team(threads, [&](int thread, int team) {
    char* const local = scratch_->data() + shared_bytes_ + thread * local_bytes_;
    for (int64_t round = 0; round < count; ++round) {
      for (const Segment& segment : segments_) {
        if (!segment.parallel) {
          if (thread == 0) code = run_segment_alone(segment);
          barrier.wait(team);
          if (code != 0) return;
          continue;
        }
        const Step& step = steps_[segment.first];
        const Way w = way(step);
        for (int phase = w.first_phase; phase < w.launch.phases; ++phase) {
          run_share(*step.kernel, w.launch, step.pointers.data(), phase, thread, team, w.shared, local);
          barrier.wait(team);
        }
      }
      if (thread == 0) {
        outcome.completed = round + 1;
        late = now() >= deadline;
      }
      barrier.wait(team);
      if (late) return;
    }
  });
  outcome.code = code;
}

Outcome Plan::run(int64_t count, double seconds, int threads, int64_t version) {
  Outcome outcome{0, 0};
  if (count <= 0) return outcome;
  allocate_scratch(threads);
  if (version >= 0 && kept_total_ > 0) lease_ = kept_->lease(version, kept_total_, loops_ ? 0 : Kept::kRunsBefore);
  const double deadline = now() + seconds;
  const bool asleep = count == 1 && cost_ < kBriefNs && now() - last_run > kAwakeSeconds;
  if (threads > 1 && parallel_ && !asleep)
    run_as_team(count, deadline, threads, outcome);
  else
    run_serially(count, deadline, outcome);
  last_run = now();
  if (lease_.fill && outcome.completed > 0) kept_->publish(version, std::move(lease_.block));
  lease_ = {};
  return outcome;
}

}  // namespace gemmule

// Types shared by every kernel of every ISA level: plain data and declarations only.
//
// Kernel sources are compiled once per ISA level. An inline function defined here would be emitted by each of
// them under one name, and the linker could hand AVX-512 code to a machine that has none; so whatever has a body
// lives in `kernel.h` and `simd.h`, inside the level's own namespace, or in a .cpp of the baseline build.
#pragma once
#include <cstddef>
#include <cstdint>

namespace gemmule {

enum class DType : int32_t { float32, float64, int32, int64, uint8, bool_, uint32, uint64 };

// One array of a call. Arrays are C-contiguous; an absent optional operand has data == nullptr and rank == 0.
struct Operand {
  void* data;
  const int64_t* shape;
  int rank;
  DType dtype;
};

struct Attributes;  // the named arguments of a call; defined by the binding layer
struct Refusal;     // of a call that cannot be prepared; common.cpp

// A call as the ops make it: outputs first, then inputs, then named attributes.
// The accessors do not return when a name or an axis does not exist: `prepare` below, which the kernel was called by,
// ends with a C++ exception then. They run while a call is prepared, never inside a kernel.
struct Call {
  const Operand* operands;
  int count;
  const Attributes* attributes;
  Refusal* refusal = nullptr;  // the way out, set by `prepare`

  bool present(int operand) const;
  int rank(int operand) const;
  int64_t dim(int operand, int axis) const;      // negative axes count from the end
  int64_t size(int operand) const;               // number of elements
  int64_t leading(int operand, int axes) const;  // product of the first `axes` dimensions
  DType dtype(int operand) const;

  bool has(const char* name) const;  // whether there is such an attribute
  int64_t integer(const char* name) const;
  double number(const char* name) const;
  bool flag(const char* name) const;
  const char* text(const char* name) const;
  int integers(const char* name, int64_t* values, int capacity) const;  // a tuple; returns its length

  [[noreturn]] void refuse(const char* reason) const;  // for what a kernel cannot do
};

// Which part of a kernel's work to do, and where it may scribble.
// `shared` is one block for the whole call, `local` is private to the calling thread.
struct Units {
  int64_t first;
  int64_t last;
  int phase;
  void* shared;
  void* local;
};

constexpr int kArgsCapacity = 640;

// A prepared call: plain arguments and how the work divides. Everything here depends on shapes and attributes alone,
// never on the number of threads: that is what makes results independent of it.
struct Launch {
  alignas(16) unsigned char args[kArgsCapacity];
  int phases = 1;            // a barrier stands between two phases
  double cost = 0;           // rough nanoseconds on one core, to decide whether a second thread is worth waking
  int64_t shared_bytes = 0;  // scratch for the call
  int64_t local_bytes = 0;   // scratch for each thread
};

struct Kernel {
  const char* name;
  DType dtype;  // the floating dtype the kernel computes in
  void (*prepare)(const Call& call, Launch& launch);
  int (*keep)(Launch& launch);  // see `keep` in kernel.h; null for most
  int64_t (*units)(const void* args, int phase);
  void (*run)(void* const* buffers, const void* args, const Units& units);
};

// Calls the kernel's `prepare`, for whoever is not a kernel. Throws std::out_of_range when the call lacks something,
// and std::invalid_argument when the kernel cannot do it.
void prepare(const Kernel& kernel, Call call, Launch& launch);

}  // namespace gemmule

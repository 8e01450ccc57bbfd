// Types of XLA's buffers, and loops over blocks whose size is a compile-time constant.

#pragma once

#include <cstdint>
#include <type_traits>

#include "threads.h"
#include "vectors.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Index = ffi::Buffer<ffi::S32>;

// Returns the data of an array, or null if it is an empty placeholder for an absent argument.
template <typename Buffer>
static auto* Data(Buffer& buffer) {
  return buffer.element_count() ? buffer.typed_data() : nullptr;
}

// Calls block(at, size) with a size from 1 to R as a compile-time constant.
template <int R, typename Block>
static inline void WithStaticSize(int64_t at, int64_t size, Block&& block) {
  if constexpr (R > 0) {
    if (size == R) return block(at, std::integral_constant<int, R>());
    WithStaticSize<R - 1>(at, size, block);
  }
}
// Calls block(at, size) for blocks of at most R rows, of about equal sizes.
template <int R, typename Block>
static inline void ForRowBlocks(Range rows, Block&& block) {
  const int64_t count = rows.end - rows.begin, blocks = CeilDivide(count, R);
  for (int64_t k = 0; k < blocks; ++k) {
    const Range part = Range::Of(count, k, blocks);
    WithStaticSize<R>(rows.begin + part.begin, part.end - part.begin, block);
  }
}

// Vectors of float32, and matmuls of float32 or bfloat16 that accumulate in float32.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "xla/ffi/api/ffi.h"

// The numbers in a vector, the vector registers, and the columns of weights in a part.  A column is
// one vector wide, and the columns of a part are multiplied together.
#if defined(__AVX512F__)
constexpr int kLanes = 16, kRegisters = 32, kColumns = 4;
#elif defined(__AVX2__)
constexpr int kLanes = 8, kRegisters = 16, kColumns = 2;
#elif defined(__ARM_NEON)
constexpr int kLanes = 4, kRegisters = 32, kColumns = 4;
#else
#error "needs a processor with AVX2, AVX-512 or NEON"
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Shorts __attribute__((vector_size(2 * kLanes)));
constexpr uint32_t kHigh = 0xffff0000;

template <typename Loaded = Vec>
static inline Loaded Load(const void* from) {
  Loaded v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
static inline void Store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// Rounds to bfloat16, ties to even.
static inline Shorts ToBFloat16(Vec v) {
  const Bits bits = (Bits)v, up = bits + 0x7fff + (bits >> 16 & 1);
  return __builtin_convertvector((v == v ? up : bits | 0x400000) >> 16, Shorts);
}

static inline Vec Clamp(Vec x, float low, float high) {
  x = x < low ? Vec{} + low : x;
  return x > high ? Vec{} + high : x;
}

// A rational approximation of tanh, fitted on [-9, 9], with an error below 4e-7.
static inline Vec Tanh(Vec x) {
  x = Clamp(x, -9.0f, 9.0f);
  const Vec s = x * x;
  const Vec p = 1.0f + s * (0.13381025195121765f + s * (3.495587734505534e-3f +
                s * (2.0609077182598412e-5f + s * 1.3354656935860021e-8f)));
  const Vec q = 1.0f + s * (0.4671434164047241f + s * (2.5876980274915695e-2f +
                s * (3.2856344478204846e-4f + s * 7.776556003591395e-7f)));
  return Clamp(x * p / q, -1.0f, 1.0f);
}
// sigmoid(z) from t = tanh(z / 2)
static inline Vec Half(Vec t) { return 0.5f * t + 0.5f; }

// The types of matmul operands.  Pairs of bfloat16 products are summed and accumulated in float32,
// by one instruction if the processor has it (which flushes subnormal numbers to zero).  A row of
// weights has kGroup numbers per column, which are unpacked to kSplit vectors.
struct Float32 {
  using Number = float;
  using Columns = Vec;
  static constexpr auto kType = xla::ffi::F32;
  static constexpr int kGroup = 1, kSplit = 1;

  static Vec Add(Vec sum, const float* x, Vec columns) { return sum + *x * columns; }
};
struct BFloat16 {
  using Number = uint16_t;
  using Columns = Bits;
  static constexpr auto kType = xla::ffi::BF16;
#if defined(__AVX512BF16__)
  static constexpr int kGroup = 2, kSplit = 1;
#else
  static constexpr int kGroup = 2, kSplit = 2;
#endif

  static Vec Add(Vec sum, const uint16_t* x, Bits columns) {
    const auto pair = Load<uint32_t>(x);
#if defined(__AVX512BF16__)
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)columns);
#else
    const Bits pairs = Bits{} + pair;
    sum += (Vec)(pairs << 16) * (Vec)(columns << 16);
    return sum + (Vec)(pairs & kHigh) * (Vec)(columns & kHigh);
#endif
  }
};

constexpr int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The columns in a part of a panel.  The parts are stored one after the other, each with all rows.
constexpr int PartColumns(int columns) { return columns / CeilDivide(columns, kColumns); }

// The rows that are multiplied at once, so that their sums, the columns and one number of a row
// fill the registers.
template <class In>
constexpr int RowsPerBlock(int columns) {
  return std::min((kRegisters - In::kSplit) / columns - In::kSplit, 6);
}

// sums[r][to(n)] += sum_k rows[r][k] * panel[k][n] for N columns from `first` on, in parts of W.
template <class In, int R, int N, int W, int M, typename To>
static inline void Multiply(Vec (&sums)[R][M], const typename In::Number* rows, int64_t stride,
                            const typename In::Number* panel, int64_t depth, To to, int first = 0) {
  constexpr int kMost = (kRegisters - In::kSplit) / (R + In::kSplit) / W * W;
  const int64_t part = depth * W * kLanes;
  if constexpr (N > kMost) {
    Multiply<In, R, kMost, W>(sums, rows, stride, panel, depth, to, first);
    panel += kMost / W * part;
    Multiply<In, R, N - kMost, W>(sums, rows, stride, panel, depth, to, first + kMost);
  } else {
    constexpr int kStep = In::kGroup * kLanes;
    Vec local[R][N];  // the compiler keeps a local array in registers
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) local[r][n] = sums[r][to(first + n)];
    for (int64_t k = 0; k < depth; k += In::kGroup, panel += W * kStep) {
      typename In::Columns columns[N];
      for (int n = 0; n < N; ++n)
        columns[n] = Load<typename In::Columns>(panel + n / W * part + n % W * kStep);
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n)
          local[r][n] = In::Add(local[r][n], rows + r * stride + k, columns[n]);
    }
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) sums[r][to(first + n)] = local[r][n];
  }
}

// Access to the units of one vector in a row; the last vector may be incomplete.
struct FullVector {
  int64_t first;
  Vec From(const float* row) const { return Load(row + first); }
  void To(float* row, Vec v) const { Store(row + first, v); }
  void To(uint16_t* row, Vec v) const {
    const Shorts rounded = ToBFloat16(v);
    std::memcpy(row + first, &rounded, sizeof rounded);
  }
};
struct PartialVector {
  int64_t first, count;
  Vec From(const float* row) const {
    Vec v = {};
    std::memcpy(&v, row + first, count * sizeof(float));
    return v;
  }
  void To(float* row, Vec v) const { std::memcpy(row + first, &v, count * sizeof(float)); }
  void To(uint16_t* row, Vec v) const {
    const Shorts rounded = ToBFloat16(v);
    std::memcpy(row + first, &rounded, count * sizeof(uint16_t));
  }
};
// Calls work(units) with a FullVector or a PartialVector.
template <typename Work>
static inline void WithUnits(int64_t vector, int64_t H, Work work) {
  const int64_t first = vector * kLanes;
  first + kLanes <= H ? work(FullVector{first}) : work(PartialVector{first, H - first});
}

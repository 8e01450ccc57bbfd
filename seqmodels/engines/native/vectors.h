// Vectors of float32, and sums of products of float32 or bfloat16.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "xla/ffi/api/ffi.h"

// Numbers in a vector, registers for vectors, and how many columns of weights, each a vector, make
// a part, which is multiplied at once.
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

// To the nearest bfloat16, of two equally near ones the even.
static inline Shorts Rounded(Vec v) {
  const Bits bits = (Bits)v, up = bits + 0x7fff + (bits >> 16 & 1);
  return __builtin_convertvector((v == v ? up : bits | 0x400000) >> 16, Shorts);
}

static inline Vec Bound(Vec x, float low, float high) {
  x = x < low ? Vec{} + low : x;
  return x > high ? Vec{} + high : x;
}

// A rational function fitted to tanh on [-9, 9]; within 4e-7 of it.
static inline Vec Tanh(Vec x) {
  x = Bound(x, -9.0f, 9.0f);
  const Vec s = x * x;
  const Vec p = 1.0f + s * (0.13381025195121765f + s * (3.495587734505534e-3f +
                s * (2.0609077182598412e-5f + s * 1.3354656935860021e-8f)));
  const Vec q = 1.0f + s * (0.4671434164047241f + s * (2.5876980274915695e-2f +
                s * (3.2856344478204846e-4f + s * 7.776556003591395e-7f)));
  return Bound(x * p / q, -1.0f, 1.0f);
}
static inline Vec Half(Vec t) { return 0.5f * t + 0.5f; }

// What is multiplied: float32, or bfloat16, of which the sums of pairs of products are added up in
// float32 (by one instruction where there is one, to which subnormal numbers are zero).  A row of
// weights has kGroup numbers for each column, of which kSplit vectors are made to be multiplied.
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

constexpr int64_t Parts(int64_t count, int64_t most) { return (count + most - 1) / most; }

// The columns of a panel lie in parts of so many, each with all of its rows.
constexpr int Width(int columns) { return columns / Parts(columns, kColumns); }

// So many rows are multiplied at a time that sums, columns and one number of a row fill the
// registers.
template <class In>
constexpr int Rows(int width) {
  return std::min((kRegisters - In::kSplit) / width - In::kSplit, 6);
}

// sums[r][to(n)] += rows[r][k] * panel[k][n] for N columns, from `first` on, in parts of W.
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
    Vec own[R][N];  // in registers, since nobody else knows where they lie
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) own[r][n] = sums[r][to(first + n)];
    for (int64_t k = 0; k < depth; k += In::kGroup, panel += W * kStep) {
      typename In::Columns columns[N];
      for (int n = 0; n < N; ++n)
        columns[n] = Load<typename In::Columns>(panel + n / W * part + n % W * kStep);
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n)
          own[r][n] = In::Add(own[r][n], rows + r * stride + k, columns[n]);
    }
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) sums[r][to(first + n)] = own[r][n];
  }
}

// Where in a row the units of a vector lie; those of the last one may be fewer.
struct Whole {
  int64_t first;
  Vec From(const float* row) const { return Load(row + first); }
  void To(float* row, Vec v) const { Store(row + first, v); }
  void To(uint16_t* row, Vec v) const {
    const Shorts rounded = Rounded(v);
    std::memcpy(row + first, &rounded, sizeof rounded);
  }
};
struct Part {
  int64_t first, count;
  Vec From(const float* row) const {
    Vec v = {};
    std::memcpy(&v, row + first, count * sizeof(float));
    return v;
  }
  void To(float* row, Vec v) const { std::memcpy(row + first, &v, count * sizeof(float)); }
  void To(uint16_t* row, Vec v) const {
    const Shorts rounded = Rounded(v);
    std::memcpy(row + first, &rounded, count * sizeof(uint16_t));
  }
};
template <typename Work>
static inline void WithUnits(int64_t vector, int64_t H, Work work) {
  const int64_t first = vector * kLanes;
  first + kLanes <= H ? work(Whole{first}) : work(Part{first, H - first});
}

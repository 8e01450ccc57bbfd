// The cells of seqmodels/cells/lstm.py, gru.py and rnn.py, for one vector of units.
//
// A cell has kStates states, the first of which is h and also the output.  It has kGates columns of
// gates and kSums sums.  The x-part of gate g is added to sum g, its h-part to sum HiddenSum(g).
// One matmul computes the sums of kVectors vectors of units, so that their columns fill whole parts
// (see vectors.h).  kResiduals are the widths of the arrays that the derivatives need, in multiples
// of H.  Forward writes these arrays one after the other.  Backward turns the cotangents of the new
// state into those of the old state, without the part that flows through the recurrent matmul, and
// into those of both parts of the gates.

#pragma once

#include <array>

#include "vectors.h"

struct Lstm {
  static constexpr int kStates = 2, kGates = 4, kSums = 4, kVectors = 1;
  static constexpr std::array<int, 2> kResiduals = {4, 1};
  static constexpr bool kSeparate = false;  // whether du differs from da
  static constexpr int HiddenSum(int gate) { return gate; }

  static void Forward(const Vec* sums, const Vec* previous, Vec* next, Vec* residuals) {
    for (int g = 0; g < 4; ++g) residuals[g] = Tanh(sums[g]);
    next[1] = Half(residuals[1]) * previous[1] + Half(residuals[0]) * residuals[2];
    residuals[4] = Tanh(next[1]);
    next[0] = Half(residuals[3]) * residuals[4];
  }

  template <typename Previous>
  static void Backward(const Vec* residuals, Previous previous, Vec* state, Vec*, Vec* da) {
    const Vec h = state[0], tanh_c = residuals[4];
    const Vec c = state[1] + h * Half(residuals[3]) * (1.0f - tanh_c * tanh_c);
    da[0] = c * 0.5f * residuals[2];
    da[1] = c * 0.5f * previous(1);
    da[2] = c * Half(residuals[0]);
    da[3] = h * 0.5f * tanh_c;
    for (int g = 0; g < 4; ++g) da[g] *= 1.0f - residuals[g] * residuals[g];
    state[0] = Vec{};
    state[1] = c * Half(residuals[1]);
  }
};

struct Gru {
  static constexpr int kStates = 1, kGates = 3, kSums = 4, kVectors = kColumns == 2 ? 2 : 1;
  static constexpr std::array<int, 3> kResiduals = {2, 1, 1};
  static constexpr bool kSeparate = true;
  static constexpr int HiddenSum(int gate) { return gate < 2 ? gate : 3; }

  static void Forward(const Vec* sums, const Vec* previous, Vec* next, Vec* residuals) {
    residuals[0] = Tanh(sums[0]);
    residuals[1] = Tanh(sums[1]);
    residuals[2] = Tanh(sums[2] + Half(residuals[0]) * sums[3]);
    residuals[3] = sums[3];
    next[0] = residuals[2] + Half(residuals[1]) * (previous[0] - residuals[2]);
  }

  template <typename Previous>
  static void Backward(const Vec* residuals, Previous previous, Vec* state, Vec* du, Vec* da) {
    const Vec h = state[0], r = residuals[0], z = residuals[1], n = residuals[2];
    du[2] = h * (1.0f - Half(z)) * (1.0f - n * n);
    du[0] = da[0] = du[2] * residuals[3] * (0.5f - 0.5f * r * r);
    du[1] = da[1] = h * (previous(0) - n) * (0.5f - 0.5f * z * z);
    da[2] = du[2] * Half(r);
    state[0] = h * Half(z);
  }
};

// An activation and its derivative as a function of the activation's value.
struct TanhActivation {
  static Vec Of(Vec z) { return Tanh(z); }
  static Vec Slope(Vec h) { return 1.0f - h * h; }
};
struct ReluActivation {
  static Vec Of(Vec z) { return z < 0.0f ? Vec{} : z; }
  static Vec Slope(Vec h) { return h > 0.0f ? Vec{} + 1.0f : Vec{}; }
};
template <class Activation>
struct Rnn {
  static constexpr int kStates = 1, kGates = 1, kSums = 1, kVectors = 2;
  static constexpr std::array<int, 1> kResiduals = {1};
  static constexpr bool kSeparate = false;
  static constexpr int HiddenSum(int gate) { return gate; }

  static void Forward(const Vec* sums, const Vec*, Vec* next, Vec* residuals) {
    next[0] = residuals[0] = Activation::Of(sums[0]);
  }

  template <typename Previous>
  static void Backward(const Vec* residuals, Previous, Vec* state, Vec*, Vec* da) {
    da[0] = state[0] * Activation::Slope(residuals[0]);
    state[0] = Vec{};
  }
};

// The total width of a cell's residuals, in multiples of H.
template <class Cell>
constexpr int ResidualWidth() {
  int sum = 0;
  for (const int width : Cell::kResiduals) sum += width;
  return sum;
}

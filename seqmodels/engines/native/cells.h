// How the cells of seqmodels/cells/lstm.py, gru.py and rnn.py make their new state, for a vector of
// units.
//
// A cell has kStates states of which the first is h and its output, kGates columns of gates, and
// kSums sums: the x-part of gate g is added to sum g, the h-part to sum FromH(g).  A matmul makes
// those of kVectors vectors at a time, whose columns make whole parts.  kKept are the arrays that
// its derivatives need, by their widths in units; New gives them one after the other.  Pull turns
// the cotangents of the new state into those of the old one (but for what goes through the matmul)
// and of both parts of the gates.

#pragma once

#include <array>

#include "vectors.h"

struct Lstm {
  static constexpr int kStates = 2, kGates = 4, kSums = 4, kVectors = 1;
  static constexpr std::array<int, 2> kKept = {4, 1};
  static constexpr bool kApart = false;  // du is da
  static constexpr int FromH(int gate) { return gate; }

  static void New(const Vec* sums, const Vec* before, Vec* after, Vec* kept) {
    for (int g = 0; g < 4; ++g) kept[g] = Tanh(sums[g]);
    after[1] = Half(kept[1]) * before[1] + Half(kept[0]) * kept[2];
    kept[4] = Tanh(after[1]);
    after[0] = Half(kept[3]) * kept[4];
  }

  template <typename Before>
  static void Pull(const Vec* kept, Before before, Vec* state, Vec*, Vec* da) {
    const Vec h = state[0], shown = kept[4];
    const Vec c = state[1] + h * Half(kept[3]) * (1.0f - shown * shown);
    da[0] = c * 0.5f * kept[2];
    da[1] = c * 0.5f * before(1);
    da[2] = c * Half(kept[0]);
    da[3] = h * 0.5f * shown;
    for (int g = 0; g < 4; ++g) da[g] *= 1.0f - kept[g] * kept[g];
    state[0] = Vec{};
    state[1] = c * Half(kept[1]);
  }
};

struct Gru {
  static constexpr int kStates = 1, kGates = 3, kSums = 4, kVectors = kColumns == 2 ? 2 : 1;
  static constexpr std::array<int, 3> kKept = {2, 1, 1};
  static constexpr bool kApart = true;
  static constexpr int FromH(int gate) { return gate < 2 ? gate : 3; }

  static void New(const Vec* sums, const Vec* before, Vec* after, Vec* kept) {
    kept[0] = Tanh(sums[0]);
    kept[1] = Tanh(sums[1]);
    kept[2] = Tanh(sums[2] + Half(kept[0]) * sums[3]);
    kept[3] = sums[3];
    after[0] = kept[2] + Half(kept[1]) * (before[0] - kept[2]);
  }

  template <typename Before>
  static void Pull(const Vec* kept, Before before, Vec* state, Vec* du, Vec* da) {
    const Vec h = state[0], r = kept[0], z = kept[1], n = kept[2];
    du[2] = h * (1.0f - Half(z)) * (1.0f - n * n);
    du[0] = da[0] = du[2] * kept[3] * (0.5f - 0.5f * r * r);
    du[1] = da[1] = h * (before(0) - n) * (0.5f - 0.5f * z * z);
    da[2] = du[2] * Half(r);
    state[0] = h * Half(z);
  }
};

// activation(z) and its derivative, which the activation itself tells
struct Tanhs {
  static Vec Of(Vec z) { return Tanh(z); }
  static Vec Slope(Vec h) { return 1.0f - h * h; }
};
struct Relu {
  static Vec Of(Vec z) { return z < 0.0f ? Vec{} : z; }
  static Vec Slope(Vec h) { return h > 0.0f ? Vec{} + 1.0f : Vec{}; }
};
template <class Activation>
struct Rnn {
  static constexpr int kStates = 1, kGates = 1, kSums = 1, kVectors = 2;
  static constexpr std::array<int, 1> kKept = {1};
  static constexpr bool kApart = false;
  static constexpr int FromH(int gate) { return gate; }

  static void New(const Vec* sums, const Vec*, Vec* after, Vec* kept) {
    after[0] = kept[0] = Activation::Of(sums[0]);
  }

  template <typename Before>
  static void Pull(const Vec* kept, Before, Vec* state, Vec*, Vec* da) {
    da[0] = state[0] * Activation::Slope(kept[0]);
    state[0] = Vec{};
  }
};

template <class Cell>
constexpr int Kept() {
  int sum = 0;
  for (const int width : Cell::kKept) sum += width;
  return sum;
}

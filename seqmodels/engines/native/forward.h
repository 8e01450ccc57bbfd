// The forward pass of a cell.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "cells.h"
#include "loops.h"
#include "threads.h"
#include "vectors.h"
#include "xla/ffi/api/ffi.h"

// Runs all steps.  Either x [T, B, D] is given and its matmul is done here, or u [T, B, GH] is
// given, the result of that matmul; the other is [0].
//
// biases: one for each sum, by vectors of units.
// weights: for every kVectors vectors of units a panel of wx (if x is given) and one of wh; D and
//   the rows H of wh are multiples of kGroup.
// state, start, end: [S, B, H]; start may be [0].
// mask, resets: [T, B] or [0].
// rest: the residuals [T, B, ...] or nothing; the S states before each step, then the cell's.
template <class Cell, class In>
static ffi::Error Forward(ffi::ThreadPool pool, ffi::Buffer<In::kType> x, Floats u, Floats biases,
                          ffi::Buffer<In::kType> weights, Floats state, Floats start, Flags mask,
                          Flags resets, ffi::Result<Floats> end,
                          ffi::Result<ffi::Buffer<In::kType>> ys, ffi::RemainingRets rest) {
  using Number = typename In::Number;
  constexpr int S = Cell::kStates, G = Cell::kGates, N = Cell::kSums, V = Cell::kVectors;
  constexpr int W = PartColumns(V * G);
  static_assert(V * G % W == 0, "kVectors leaves an incomplete part");
  const int64_t T = ys->dimensions()[0], B = ys->dimensions()[1], H = ys->dimensions()[2];
  const int64_t vectors = CeilDivide(H, kLanes), P = CeilDivide(vectors, V), size = B * H;
  const Number *xs = Data(x), *all_weights = weights.typed_data();
  const int64_t D = xs ? x.dimensions()[2] : 0;
  const int64_t depth = CeilDivide(H, In::kGroup) * In::kGroup;
  const float *us = Data(u), *all_biases = biases.typed_data(), *starts = Data(start);
  const float* first_state = state.typed_data();
  const bool *masks = Data(mask), *reset = Data(resets);
  Number* all_ys = ys->typed_data();
  float* ends = end->typed_data();

  const bool keep = rest.size() > 0;
  std::array<float*, S> previous_states;
  std::array<float*, Cell::kResiduals.size()> all_residuals = {};
  // Without residuals, the states of two successive steps take turns in a buffer.
  std::unique_ptr<float[]> buffer(keep ? nullptr : new float[2 * S * size]);
  for (int s = 0; s < S; ++s) {
    previous_states[s] =
        keep ? (*rest.get<Floats>(s))->typed_data() : buffer.get() + 2 * s * size;
  }
  for (size_t k = 0; keep && k < all_residuals.size(); ++k) {
    all_residuals[k] = (*rest.get<Floats>(S + k))->typed_data();
  }
  const auto state_at = [=](int s, int64_t t) {  // before step t
    return t == T ? ends + s * size : previous_states[s] + (keep ? t : t % 2) * size;
  };
  // The hidden state before step t as a matmul operand [B, depth].
  constexpr bool kRounded = In::kGroup > 1;
  std::unique_ptr<Number[]> rounded(kRounded ? new Number[2 * B * depth]() : nullptr);
  const auto operand_at = [=, data = rounded.get()](int64_t t) -> Number* {
    if constexpr (kRounded) return data + t % 2 * B * depth;
    else return state_at(0, t);
  };
  const auto is_reset = [=](int64_t t, int64_t b) { return reset && t < T && reset[t * B + b]; };

  ParallelSteps(pool, T, B, P, B * H * (D + H) * G, [=](Range rows, Range panels, auto barrier) {
    for (int64_t v = panels.begin * V; v < std::min(panels.end * V, vectors); ++v) {
      WithUnits(v, H, [&](auto units) {
        for (int64_t b = rows.begin; b < rows.end; ++b) {
          for (int s = 0; s < S; ++s) {
            const int64_t row = s * size + b * H;
            const Vec first = units.From((is_reset(0, b) ? starts : first_state) + row);
            units.To(state_at(s, 0) + b * H, first);
            if (kRounded && s == 0) units.To(operand_at(0) + b * depth, first);
          }
        }
      });
    }
    barrier();
    for (int64_t t = 0; t < T; ++t) {
      const auto finish = [&](Vec* sums, int64_t b, auto units) {
        const int64_t step = t * B + b;
        Vec previous[S], next[S], residuals[ResidualWidth<Cell>()];
        for (int s = 0; s < S; ++s) previous[s] = units.From(state_at(s, t) + b * H);
        for (int g = 0; us && g < G; ++g) sums[g] += units.From(us + (step * G + g) * H);
        Cell::Forward(sums, previous, next, residuals);
        for (size_t k = 0, at = 0; keep && k < Cell::kResiduals.size(); ++k) {
          const int width = Cell::kResiduals[k];
          for (int w = 0; w < width; ++w)
            units.To(all_residuals[k] + (step * width + w) * H, residuals[at + w]);
          at += width;
        }
        const bool on = !masks || masks[step], restart = is_reset(t + 1, b);
        units.To(all_ys + step * H, on ? next[0] : Vec{});
        for (int s = 0; s < S; ++s) {
          Vec state = on ? next[s] : previous[s];
          if (restart) state = units.From(starts + s * size + b * H);
          units.To(state_at(s, t + 1) + b * H, state);
          if (kRounded && s == 0) units.To(operand_at(t + 1) + b * depth, state);
        }
      };
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* bias = all_biases + p * V * N * kLanes;
        const Number* wx = all_weights + p * (D + depth) * V * G * kLanes;
        const Number* wh = wx + D * V * G * kLanes;
        const auto x_sum = [](int n) { return n / Cell::kGates * Cell::kSums + n % Cell::kGates; };
        const auto h_sum = [](int n) {
          return n / Cell::kGates * Cell::kSums + Cell::HiddenSum(n % Cell::kGates);
        };
        ForRowBlocks<RowsPerBlock<In>(W)>(rows, [&](int64_t row, auto row_count) {
          constexpr int R = decltype(row_count)::value;
          Vec sums[R][V * N];
          for (int r = 0; r < R; ++r)
            for (int n = 0; n < V * N; ++n) sums[r][n] = Load(bias + n * kLanes);
          Multiply<In, R, V * G, W>(sums, xs + (t * B + row) * D, D, wx, D, x_sum);
          const Number* hs = operand_at(t) + row * depth;
          Multiply<In, R, V * G, W>(sums, hs, depth, wh, depth, h_sum);
          for (int v = 0; v < V && p * V + v < vectors; ++v) {
            WithUnits(p * V + v, H, [&](auto units) {
              for (int r = 0; r < R; ++r) finish(sums[r] + v * N, row + r, units);
            });
          }
        });
      }
      barrier();
    }
  });
  return ffi::Error::Success();
}

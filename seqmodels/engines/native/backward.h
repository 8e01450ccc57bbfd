// The backward pass of a cell.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "cells.h"
#include "loops.h"
#include "threads.h"
#include "vectors.h"
#include "xla/ffi/api/ffi.h"

// Runs the K steps from `first` on, in reverse.
//
// transposed: the transpose of wh, a panel for every four vectors of columns.
// dys, mask, resets, rest: of all T steps; rest are the residuals that Forward saved.
// dstate, dstart: the cotangents [S, B, H] from the later steps; dstart is [0] without resets.
// da: the cotangent [K, B, GH] of the recurrent matmul.
// projection: the cotangent of the projection, if the cell has a separate one.
template <class Cell>
static ffi::Error Backward(ffi::ThreadPool pool, Floats transposed, Floats dys, Flags mask,
                           Flags resets, Index first, Floats dstate, Floats dstart,
                           ffi::RemainingArgs rest, ffi::Result<Floats> dstate_out,
                           ffi::Result<Floats> dstart_out, ffi::Result<Floats> da,
                           ffi::RemainingRets projection) {
  constexpr int S = Cell::kStates, G = Cell::kGates;
  const int64_t K = da->dimensions()[0], B = da->dimensions()[1], H = da->dimensions()[2] / G;
  const int64_t vectors = CeilDivide(H, kLanes), P = CeilDivide(vectors, 4), size = B * H;
  const int64_t skipped = *first.typed_data() * B;  // rows of all earlier steps
  const float *all_weights = transposed.typed_data(), *all_dys = dys.typed_data() + skipped * H;
  const bool* masks = Data(mask) ? Data(mask) + skipped : nullptr;
  const bool* reset = Data(resets) ? Data(resets) + skipped : nullptr;
  float *all_da = da->typed_data(), *d_state = dstate_out->typed_data();
  float* d_start = dstart_out->typed_data();
  float* all_du = nullptr;
  if constexpr (Cell::kSeparate) all_du = (*projection.get<Floats>(0))->typed_data();
  std::copy_n(dstate.typed_data(), S * size, d_state);
  std::copy_n(dstart.typed_data(), dstart.element_count(), d_start);

  std::array<const float*, S> previous_states;
  std::array<const float*, Cell::kResiduals.size()> all_residuals;
  for (int s = 0; s < S; ++s) {
    previous_states[s] = rest.get<Floats>(s)->typed_data() + skipped * H;
  }
  for (size_t k = 0; k < all_residuals.size(); ++k) {
    all_residuals[k] = rest.get<Floats>(S + k)->typed_data() + skipped * Cell::kResiduals[k] * H;
  }

  ParallelSteps(pool, K, B, P, B * H * H * G, [=](Range rows, Range panels, auto barrier) {
    const Range own{panels.begin * 4, std::min(panels.end * 4, vectors)};
    // Stores the cotangent of the previous state, which a reset redirects to the start.
    const auto put = [=](bool restart, int s, int64_t b, auto units, Vec previous) {
      const int64_t row = s * size + b * H;
      if (restart) units.To(d_start + row, units.From(d_start + row) + previous);
      units.To(d_state + row, restart ? Vec{} : previous);
    };
    for (int64_t t = K - 1; t >= 0; --t) {
      for (int64_t b = rows.begin; b < rows.end; ++b) {
        const int64_t step = t * B + b;
        const bool on = !masks || masks[step], restart = reset && reset[step];
        const auto pull = [&](auto units) {
          Vec state[S], residuals[ResidualWidth<Cell>()], du[G] = {}, da[G] = {};
          for (int s = 0; s < S; ++s) state[s] = units.From(d_state + s * size + b * H);
          if (on) {
            state[0] += units.From(all_dys + step * H);
            for (size_t k = 0, at = 0; k < Cell::kResiduals.size(); ++k) {
              const int width = Cell::kResiduals[k];
              for (int w = 0; w < width; ++w)
                residuals[at + w] = units.From(all_residuals[k] + (step * width + w) * H);
              at += width;
            }
            const auto previous = [&](int s) { return units.From(previous_states[s] + step * H); };
            Cell::Backward(residuals, previous, state, du, da);
          }
          for (int g = 0; g < G; ++g) {
            units.To(all_da + (step * G + g) * H, da[g]);
            if constexpr (Cell::kSeparate) units.To(all_du + (step * G + g) * H, du[g]);
          }
          put(false, 0, b, units, state[0]);  // the matmul below adds to it
          for (int s = 1; s < S; ++s) put(restart, s, b, units, state[s]);
        };
        for (int64_t v = own.begin; v < own.end; ++v) WithUnits(v, H, pull);
      }
      barrier();
      const auto finish = [&](const Vec& sum, int64_t vector, int64_t b) {
        WithUnits(vector, H, [&](auto units) {
          put(reset && reset[t * B + b], 0, b, units, units.From(d_state + b * H) + sum);
        });
      };
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = all_weights + p * G * H * 4 * kLanes;
        WithStaticSize<4>(p, std::min<int64_t>(4, vectors - p * 4), [&](int64_t, auto columns) {
          constexpr int N = decltype(columns)::value;
          ForRowBlocks<RowsPerBlock<Float32>(kColumns)>(rows, [&](int64_t row, auto row_count) {
            constexpr int R = decltype(row_count)::value;
            Vec sums[R][N] = {};
            const float* das = all_da + (t * B + row) * G * H;
            const auto identity = [](int n) { return n; };
            Multiply<Float32, R, N, kColumns>(sums, das, G * H, panel, G * H, identity);
            for (int r = 0; r < R; ++r)
              for (int n = 0; n < N; ++n) finish(sums[r][n], p * 4 + n, row + r);
          });
        });
      }
    }
  });
  return ffi::Error::Success();
}

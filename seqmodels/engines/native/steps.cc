// The steps of an LSTM, a GRU and an RNN on a CPU, for XLA's foreign function interface (build.py).
//
// A pass shares the batch out over XLA's own threads, and each takes all steps of its rows: nobody
// waits for anybody.  Where there are too few rows, the threads share out the units of every step.
// A block of rows by one vector of units, all gates of it, stays in registers from the matmul to
// the new state.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "cells.h"
#include "threads.h"
#include "vectors.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Index = ffi::Buffer<ffi::S32>;

// An array that may be absent, which then is [0].
template <typename Buffer>
static auto* Data(Buffer& buffer) {
  return buffer.element_count() ? buffer.typed_data() : nullptr;
}

// Calls block(at, size), the size, from 1 to R, known to the compiler.
template <int R, typename Block>
static inline void Sized(int64_t at, int64_t size, Block&& block) {
  if constexpr (R > 0) {
    if (size == R) return block(at, std::integral_constant<int, R>());
    Sized<R - 1>(at, size, block);
  }
}
// The same for blocks of rows, of about equal sizes.
template <int R, typename Block>
static inline void InBlocks(Share rows, Block&& block) {
  const int64_t count = rows.end - rows.begin, blocks = Parts(count, R);
  for (int64_t k = 0; k < blocks; ++k) {
    const Share part = Share::Of(count, k, blocks);
    Sized<R>(rows.begin + part.begin, part.end - part.begin, block);
  }
}

// All steps.  x [T, B, D], of which the matmul is done here, or u [T, B, GH], in which it was; the
// other is [0].  biases: of all sums, for each vector of units; weights: for every kVectors of them
// a panel of wx (where there is x) and one of wh; D and wh's H are multiples of kGroup.  state
// and end [S, B, H]; start like it, mask and resets [T, B] may be [0].  The rest of the results, if
// they are wanted, are what the derivatives need: the S states before each step, then what the cell
// keeps, [T, B, ...].
template <class Cell, class In>
static ffi::Error Forwards(ffi::ThreadPool pool, ffi::Buffer<In::kType> x, Floats u, Floats biases,
                           ffi::Buffer<In::kType> weights, Floats state, Floats start, Flags mask,
                           Flags resets, ffi::Result<Floats> end,
                           ffi::Result<ffi::Buffer<In::kType>> ys, ffi::RemainingRets rest) {
  using Number = typename In::Number;
  constexpr int S = Cell::kStates, G = Cell::kGates, N = Cell::kSums, V = Cell::kVectors;
  constexpr int W = Width(V * G);
  static_assert(V * G % W == 0, "kVectors leaves a part that is not whole");
  const int64_t T = ys->dimensions()[0], B = ys->dimensions()[1], H = ys->dimensions()[2];
  const int64_t vectors = Parts(H, kLanes), P = Parts(vectors, V), size = B * H;
  const Number *xs = Data(x), *panels_of = weights.typed_data();
  const int64_t D = xs ? x.dimensions()[2] : 0;
  const int64_t depth = Parts(H, In::kGroup) * In::kGroup;
  const float *us = Data(u), *biases_of = biases.typed_data(), *starts = Data(start);
  const float* given = state.typed_data();
  const bool *masks = Data(mask), *reset = Data(resets);
  Number* y_all = ys->typed_data();
  float* ends = end->typed_data();

  const bool keep = rest.size() > 0;
  std::array<float*, S> before_all;
  std::array<float*, Cell::kKept.size()> kept_all = {};
  std::unique_ptr<float[]> spare(keep ? nullptr : new float[2 * S * size]);
  for (int s = 0; s < S; ++s) {
    before_all[s] = keep ? (*rest.get<Floats>(s))->typed_data() : spare.get() + 2 * s * size;
  }
  for (size_t k = 0; keep && k < kept_all.size(); ++k) {
    kept_all[k] = (*rest.get<Floats>(S + k))->typed_data();
  }
  const auto at = [=](int s, int64_t t) {  // the state before step t
    return t == T ? ends + s * size : before_all[s] + (keep ? t : t % 2) * size;
  };
  constexpr bool kRounded = In::kGroup > 1;
  std::unique_ptr<Number[]> rounded(kRounded ? new Number[2 * B * depth]() : nullptr);
  const auto multiplied = [=, own = rounded.get()](int64_t t) -> Number* {  // [B, depth], of step t
    if constexpr (kRounded) return own + t % 2 * B * depth;
    else return at(0, t);
  };
  const auto is_reset = [=](int64_t t, int64_t b) { return reset && t < T && reset[t * B + b]; };

  Divide(pool, T, B, P, B * H * (D + H) * G, [=](Share rows, Share panels, auto meet) {
    for (int64_t v = panels.begin * V; v < std::min(panels.end * V, vectors); ++v) {
      WithUnits(v, H, [&](auto units) {
        for (int64_t b = rows.begin; b < rows.end; ++b) {
          for (int s = 0; s < S; ++s) {
            const int64_t row = s * size + b * H;
            const Vec now = units.From((is_reset(0, b) ? starts : given) + row);
            units.To(at(s, 0) + b * H, now);
            if (kRounded && s == 0) units.To(multiplied(0) + b * depth, now);
          }
        }
      });
    }
    meet();
    for (int64_t t = 0; t < T; ++t) {
      const auto finish = [&](Vec* sums, int64_t b, auto units) {
        const int64_t step = t * B + b;
        Vec before[S], after[S], kept[Kept<Cell>()];
        for (int s = 0; s < S; ++s) before[s] = units.From(at(s, t) + b * H);
        for (int g = 0; us && g < G; ++g) sums[g] += units.From(us + (step * G + g) * H);
        Cell::New(sums, before, after, kept);
        for (size_t k = 0, from = 0; keep && k < Cell::kKept.size(); from += Cell::kKept[k++]) {
          const int width = Cell::kKept[k];
          for (int w = 0; w < width; ++w)
            units.To(kept_all[k] + (step * width + w) * H, kept[from + w]);
        }
        const bool on = !masks || masks[step], again = is_reset(t + 1, b);
        units.To(y_all + step * H, on ? after[0] : Vec{});
        for (int s = 0; s < S; ++s) {
          Vec now = on ? after[s] : before[s];
          if (again) now = units.From(starts + s * size + b * H);
          units.To(at(s, t + 1) + b * H, now);
          if (kRounded && s == 0) units.To(multiplied(t + 1) + b * depth, now);
        }
      };
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* bias = biases_of + p * V * N * kLanes;
        const Number* wx = panels_of + p * (D + depth) * V * G * kLanes;
        const Number* wh = wx + D * V * G * kLanes;
        const auto from_x = [](int n) { return n / Cell::kGates * Cell::kSums + n % Cell::kGates; };
        const auto from_h = [](int n) {
          return n / Cell::kGates * Cell::kSums + Cell::FromH(n % Cell::kGates);
        };
        InBlocks<Rows<In>(W)>(rows, [&](int64_t row, auto rows_of) {
          constexpr int R = decltype(rows_of)::value;
          Vec sums[R][V * N];
          for (int r = 0; r < R; ++r)
            for (int n = 0; n < V * N; ++n) sums[r][n] = Load(bias + n * kLanes);
          Multiply<In, R, V * G, W>(sums, xs + (t * B + row) * D, D, wx, D, from_x);
          const Number* hs = multiplied(t) + row * depth;
          Multiply<In, R, V * G, W>(sums, hs, depth, wh, depth, from_h);
          for (int v = 0; v < V && p * V + v < vectors; ++v) {
            WithUnits(p * V + v, H, [&](auto units) {
              for (int r = 0; r < R; ++r) finish(sums[r] + v * N, row + r, units);
            });
          }
        });
      }
      meet();
    }
  });
  return ffi::Error::Success();
}

// The K steps from `first` on, from the last of them to the first.  turned: wh's transpose, a panel
// for every four vectors of columns.  dys, mask, resets and the rest of the arguments, what
// Forwards kept, are of all T steps.  dstate and dstart [S, B, H] are what comes from the steps
// behind; dstart is [0] where there are no resets.  da [K, B, GH] is the cotangent of what the
// matmul gave; where the cell has them apart, that of the projection follows it.
template <class Cell>
static ffi::Error Backwards(ffi::ThreadPool pool, Floats turned, Floats dys, Flags mask,
                            Flags resets, Index first, Floats dstate, Floats dstart,
                            ffi::RemainingArgs rest, ffi::Result<Floats> dstate_out,
                            ffi::Result<Floats> dstart_out, ffi::Result<Floats> da,
                            ffi::RemainingRets apart) {
  constexpr int S = Cell::kStates, G = Cell::kGates;
  const int64_t K = da->dimensions()[0], B = da->dimensions()[1], H = da->dimensions()[2] / G;
  const int64_t vectors = Parts(H, kLanes), P = Parts(vectors, 4), size = B * H;
  const int64_t skipped = *first.typed_data() * B;  // rows of all steps before these
  const float *panels_of = turned.typed_data(), *dy_all = dys.typed_data() + skipped * H;
  const bool* masks = Data(mask) ? Data(mask) + skipped : nullptr;
  const bool* reset = Data(resets) ? Data(resets) + skipped : nullptr;
  float *da_all = da->typed_data(), *d_state = dstate_out->typed_data();
  float* d_start = dstart_out->typed_data();
  float* du_all = nullptr;
  if constexpr (Cell::kApart) du_all = (*apart.get<Floats>(0))->typed_data();
  std::copy_n(dstate.typed_data(), S * size, d_state);
  std::copy_n(dstart.typed_data(), dstart.element_count(), d_start);

  std::array<const float*, S> before_all;
  std::array<const float*, Cell::kKept.size()> kept_all;
  for (int s = 0; s < S; ++s) {
    before_all[s] = rest.get<Floats>(s)->typed_data() + skipped * H;
  }
  for (size_t k = 0; k < kept_all.size(); ++k) {
    kept_all[k] = rest.get<Floats>(S + k)->typed_data() + skipped * Cell::kKept[k] * H;
  }

  Divide(pool, K, B, P, B * H * H * G, [=](Share rows, Share panels, auto meet) {
    const Share own{panels.begin * 4, std::min(panels.end * 4, vectors)};
    // What a reset makes of the cotangent of the state before it.
    const auto put = [=](bool again, int s, int64_t b, auto units, Vec before) {
      const int64_t row = s * size + b * H;
      if (again) units.To(d_start + row, units.From(d_start + row) + before);
      units.To(d_state + row, again ? Vec{} : before);
    };
    for (int64_t t = K - 1; t >= 0; --t) {
      for (int64_t b = rows.begin; b < rows.end; ++b) {
        const int64_t step = t * B + b;
        const bool on = !masks || masks[step], again = reset && reset[step];
        const auto vector = [&](auto units) {
          Vec state[S], kept[Kept<Cell>()], du[G] = {}, da[G] = {};
          for (int s = 0; s < S; ++s) state[s] = units.From(d_state + s * size + b * H);
          if (on) {
            state[0] += units.From(dy_all + step * H);
            for (size_t k = 0, from = 0; k < Cell::kKept.size(); from += Cell::kKept[k++]) {
              const int width = Cell::kKept[k];
              for (int w = 0; w < width; ++w)
                kept[from + w] = units.From(kept_all[k] + (step * width + w) * H);
            }
            const auto before = [&](int s) { return units.From(before_all[s] + step * H); };
            Cell::Pull(kept, before, state, du, da);
          }
          for (int g = 0; g < G; ++g) {
            units.To(da_all + (step * G + g) * H, da[g]);
            if constexpr (Cell::kApart) units.To(du_all + (step * G + g) * H, du[g]);
          }
          put(false, 0, b, units, state[0]);  // the matmul is still to come
          for (int s = 1; s < S; ++s) put(again, s, b, units, state[s]);
        };
        for (int64_t v = own.begin; v < own.end; ++v) WithUnits(v, H, vector);
      }
      meet();
      const auto finish = [&](const Vec& sum, int64_t vector, int64_t b) {
        WithUnits(vector, H, [&](auto units) {
          put(reset && reset[t * B + b], 0, b, units, units.From(d_state + b * H) + sum);
        });
      };
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = panels_of + p * G * H * 4 * kLanes;
        Sized<4>(p, std::min<int64_t>(4, vectors - p * 4), [&](int64_t, auto columns_of) {
          constexpr int N = decltype(columns_of)::value;
          InBlocks<Rows<Float32>(kColumns)>(rows, [&](int64_t row, auto rows_of) {
            constexpr int R = decltype(rows_of)::value;
            Vec sums[R][N] = {};
            const float* das = da_all + (t * B + row) * G * H;
            const auto same = [](int n) { return n; };
            Multiply<Float32, R, N, kColumns>(sums, das, G * H, panel, G * H, same);
            for (int r = 0; r < R; ++r)
              for (int n = 0; n < N; ++n) finish(sums[r][n], p * 4 + n, row + r);
          });
        });
      }
    }
  });
  return ffi::Error::Success();
}

template <class In>
static auto ForwardsOf() {
  using Numbers = ffi::Buffer<In::kType>;
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Numbers>()            // x
      .template Arg<Floats>()    // u
      .template Arg<Floats>()    // biases
      .template Arg<Numbers>()   // weights
      .template Arg<Floats>()    // state
      .template Arg<Floats>()    // start
      .template Arg<Flags>()     // mask
      .template Arg<Flags>()     // resets
      .template Ret<Floats>()    // end
      .template Ret<Numbers>()   // ys
      .RemainingRets();
}
static auto BackwardsOf() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Floats>()  // turned
      .Arg<Floats>()  // dys
      .Arg<Flags>()   // mask
      .Arg<Flags>()   // resets
      .Arg<Index>()   // first
      .Arg<Floats>()  // dstate
      .Arg<Floats>()  // dstart
      .RemainingArgs()
      .Ret<Floats>()  // dstate
      .Ret<Floats>()  // dstart
      .Ret<Floats>()  // da
      .RemainingRets();
}
#define SEQMODELS_KERNELS(name, Cell)                                                             \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forwards_float32, (Forwards<Cell, Float32>),   \
                                ForwardsOf<Float32>());                                           \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forwards_bfloat16, (Forwards<Cell, BFloat16>), \
                                ForwardsOf<BFloat16>());                                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_backwards, Backwards<Cell>, BackwardsOf());    \
  extern "C" int seqmodels_##name##_vectors() { return Cell::kVectors; }
SEQMODELS_KERNELS(lstm, Lstm)
SEQMODELS_KERNELS(gru, Gru)
SEQMODELS_KERNELS(rnn, Rnn<Tanhs>)
SEQMODELS_KERNELS(irnn, Rnn<Relu>)

// What engines/native.py lays the weights out for.
extern "C" int seqmodels_lanes() { return kLanes; }
extern "C" int seqmodels_columns() { return kColumns; }

// The steps of an LSTM and a GRU on a CPU, for XLA's foreign function interface (build.py).
//
// A pass shares the batch out over XLA's own threads, and each takes all steps of its rows: nobody
// waits for anybody.  Where there are too few rows, the threads share out the units of every step.
// A block of rows by one vector of units, all gates of it, stays in registers from the matmul to
// the new state.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

#if defined(__AVX512F__)
constexpr int kLanes = 16, kRows = 6;
#elif defined(__AVX2__)
constexpr int kLanes = 8, kRows = 3;
#elif defined(__ARM_NEON)
constexpr int kLanes = 4, kRows = 6;
#else
#error "needs a processor with AVX2, AVX-512 or NEON"
#endif
// Multiplications that are worth another thread: in a pass, and where all meet after each step.
constexpr int64_t kWorth = 1 << 19, kWorthMeeting = 1 << 14;

typedef float Vec __attribute__((vector_size(4 * kLanes)));

static inline Vec Load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
static inline void Store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

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

// sums[r][to(n)] += rows[r][k] * panel[k][n], a panel's row being `width` vectors wide.
template <int R, int N, int M, typename To>
static inline void Multiply(Vec (&sums)[R][M], const float* rows, int64_t stride,
                            const float* panel, int64_t depth, To to, int width = N) {
  Vec own[R][N];  // in registers, since nobody else knows where they lie
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) own[r][n] = sums[r][to(n)];
  for (int64_t k = 0; k < depth; ++k, panel += width * kLanes) {
    Vec columns[N];
    for (int n = 0; n < N; ++n) columns[n] = Load(panel + n * kLanes);
    for (int r = 0; r < R; ++r) {
      const float x = rows[r * stride + k];
      for (int n = 0; n < N; ++n) own[r][n] += x * columns[n];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) sums[r][to(n)] = own[r][n];
}

static inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
template <typename Done>
static inline void Await(Done done) {
  for (int spin = 0; !done(); ++spin) spin < 200 ? Pause() : std::this_thread::yield();
}
// The core that this thread is on, or -1.
static inline int Core() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Calls work(k) for each of `count` shares, on this thread and those of the pool that come.
template <typename Work>
static void ShareOut(ffi::ThreadPool pool, int count, Work work) {
  struct State {
    std::atomic<int> next{0}, done{0};
  };
  auto state = std::make_shared<State>();
  const auto help = [state, count, work] {  // touches nothing where all shares are taken
    for (int k; (k = state->next.fetch_add(1)) < count; state->done.fetch_add(1)) work(k);
  };
  const int threads = std::min<int64_t>(count, pool.num_threads());
  for (int k = 1; k < threads; ++k) pool.Schedule([help] { help(); });
  help();
  Await([&] { return state->done.load() == count; });
}

// Calls work(member, members, meet) at once on this thread and those of the pool that come in time,
// on another core than this one's: two that wait for each other on one core take turns at it.
template <typename Work>
static void Together(ffi::ThreadPool pool, int most, Work work) {
  constexpr int kClosed = 1 << 20;
  struct State {
    std::atomic<int> joined{1}, size{0}, done{0};
    std::atomic<int64_t> met{0};
  };
  auto state = std::make_shared<State>();
  const auto join = [state, work](int member, int size) {
    work(member, size, [&] {
      const int64_t round = state->met.fetch_add(1) / size + 1;
      Await([&] { return state->met.load() >= round * size; });
    });
    state->done.fetch_add(1);
  };
  most = std::min<int64_t>(most, pool.num_threads());
  for (int k = 1; k < most; ++k) {
    pool.Schedule([state, join, core = Core()] {
      if (core >= 0 && Core() == core) return;
      const int member = state->joined.fetch_add(1);
      if (member >= kClosed) return;
      Await([&] { return state->size.load() > 0; });
      join(member, state->size.load());
    });
  }
  for (int spin = 0; spin < 2000 && state->joined.load() < most; ++spin) Pause();
  const int size = state->joined.fetch_add(kClosed);
  state->size.store(size);
  join(0, size);
  Await([&] { return state->done.load() == size; });
}

struct Share {
  int64_t begin, end;
  static Share Of(int64_t count, int member, int members) {
    return {count * member / members, count * (member + 1) / members};
  }
};

// Calls block(at, size), the size, from 1 to R, known to the compiler.
template <int R, typename Block>
static inline void Sized(int64_t at, int64_t size, Block&& block) {
  if constexpr (R > 0) {
    if (size == R) return block(at, std::integral_constant<int, R>());
    Sized<R - 1>(at, size, block);
  }
}
// The same for blocks of rows, of about equal sizes.
template <typename Block>
static inline void InBlocks(Share rows, Block&& block) {
  const int64_t count = rows.end - rows.begin, blocks = (count + kRows - 1) / kRows;
  for (int64_t k = 0; k < blocks; ++k) {
    const int64_t from = rows.begin + count * k / blocks, to = rows.begin + count * (k + 1) / blocks;
    Sized<kRows>(from, to - from, block);
  }
}

// steps(rows, panels, meet): shares of rows where there are enough of them, else of units, of which
// all threads need those of the others after each step.
template <typename Steps>
static void Divide(ffi::ThreadPool pool, int64_t length, int64_t rows, int64_t panels, int64_t work,
                   Steps steps) {
  const int64_t most = std::clamp<int64_t>(length * work / kWorth, 1, pool.num_threads());
  const int64_t meeting = std::clamp<int64_t>(work / kWorthMeeting, 1, panels);
  const int64_t by_rows = std::min(most, rows / 4), by_units = std::min(most, meeting);
  if (by_rows >= by_units) {
    ShareOut(pool, by_rows, [&](int k) {
      steps(Share::Of(rows, k, by_rows), Share{0, panels}, [] {});
    });
  } else {
    Together(pool, by_units, [&](int member, int members, auto meet) {
      steps(Share{0, rows}, Share::Of(panels, member, members), meet);
    });
  }
}

// How the cells of seqmodels/cells/lstm.py and gru.py make their new state, for a vector of units.
//
// A cell has kStates states of which the first is h and its output, kGates columns of gates, and
// kSums sums: the x-part of gate g is added to sum g, the h-part to sum FromH(g).  kKept are the
// arrays that its derivatives need, by their widths in units; New gives them one after the other.
// Pull turns the cotangents of the new state into those of the old one (but for what goes through
// the matmul) and of both parts of the gates.

struct Lstm {
  static constexpr int kStates = 2, kGates = 4, kSums = 4;
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
  static constexpr int kStates = 1, kGates = 3, kSums = 4;
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

template <class Cell>
constexpr int Kept() {
  int sum = 0;
  for (const int width : Cell::kKept) sum += width;
  return sum;
}

using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Number = ffi::Buffer<ffi::S32>;

// An array that may be absent, which then is [0].
template <typename Buffer>
static auto* Data(Buffer& buffer) {
  return buffer.element_count() ? buffer.typed_data() : nullptr;
}

// Where in a row the units of a vector lie; those of the last one may be fewer.
struct Whole {
  int64_t first;
  Vec From(const float* row) const { return Load(row + first); }
  void To(float* row, Vec v) const { Store(row + first, v); }
};
struct Part {
  int64_t first, count;
  Vec From(const float* row) const {
    Vec v = {};
    std::memcpy(&v, row + first, count * sizeof(float));
    return v;
  }
  void To(float* row, Vec v) const { std::memcpy(row + first, &v, count * sizeof(float)); }
};
template <typename Work>
static inline void WithUnits(int64_t vector, int64_t H, Work work) {
  const int64_t first = vector * kLanes;
  first + kLanes <= H ? work(Whole{first}) : work(Part{first, H - first});
}

// All steps.  x [T, B, D], of which the matmul is done here, or u [T, B, GH], in which it was; the
// other is [0].  weights: for each vector of units the biases of all sums, then wx (where there is
// x) and wh, a row after the other.  state and end [S, B, H]; start like it, mask and resets [T, B]
// may be [0].  The rest of the results, if they are wanted, are what the derivatives need: the S
// states before each step, then what the cell keeps, [T, B, ...].
template <class Cell>
static ffi::Error Forwards(ffi::ThreadPool pool, Floats x, Floats u, Floats weights, Floats state,
                           Floats start, Flags mask, Flags resets, ffi::Result<Floats> end,
                           ffi::Result<Floats> ys, ffi::RemainingRets rest) {
  constexpr int S = Cell::kStates, G = Cell::kGates, N = Cell::kSums;
  const int64_t T = ys->dimensions()[0], B = ys->dimensions()[1], H = ys->dimensions()[2];
  const int64_t P = weights.dimensions()[0], size = B * H;
  const float *xs = Data(x), *us = Data(u), *starts = Data(start), *panels_of = weights.typed_data();
  const int64_t D = xs ? x.dimensions()[2] : 0, panel_size = (N + (D + H) * G) * kLanes;
  const bool *masks = Data(mask), *reset = Data(resets);
  float *y_all = ys->typed_data(), *ends = end->typed_data();
  const float* given = state.typed_data();

  const bool keep = rest.size() > 0;
  std::array<float*, S> before_all;
  std::array<float*, Cell::kKept.size()> kept_all;
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
  const auto is_reset = [=](int64_t t, int64_t b) { return reset && t < T && reset[t * B + b]; };

  Divide(pool, T, B, P, B * H * (D + H) * G, [=](Share rows, Share panels, auto meet) {
    const int64_t left = panels.begin * kLanes, right = std::min(panels.end * kLanes, H);
    for (int s = 0; s < S; ++s) {
      for (int64_t b = rows.begin; b < rows.end; ++b) {
        const float* row = (is_reset(0, b) ? starts : given) + s * size + b * H;
        std::copy(row + left, row + right, at(s, 0) + b * H + left);
      }
    }
    meet();
    for (int64_t t = 0; t < T; ++t) {
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float *bias = panels_of + p * panel_size, *wx = bias + N * kLanes;
        const float* wh = wx + D * G * kLanes;
        const auto block = [&](int64_t row, auto rows_of, auto units) {
          constexpr int R = decltype(rows_of)::value;
          Vec sums[R][N];
          for (int r = 0; r < R; ++r)
            for (int n = 0; n < N; ++n) sums[r][n] = Load(bias + n * kLanes);
          Multiply<R, G>(sums, xs + (t * B + row) * D, D, wx, D, [](int g) { return g; });
          Multiply<R, G>(sums, at(0, t) + row * H, H, wh, H, Cell::FromH);
          for (int r = 0; r < R; ++r) {
            const int64_t b = row + r, step = t * B + b;
            Vec before[S], after[S], kept[Kept<Cell>()];
            for (int s = 0; s < S; ++s) before[s] = units.From(at(s, t) + b * H);
            for (int g = 0; us && g < G; ++g) sums[r][g] += units.From(us + (step * G + g) * H);
            Cell::New(sums[r], before, after, kept);
            for (size_t k = 0, from = 0; keep && k < Cell::kKept.size(); from += Cell::kKept[k++]) {
              const int width = Cell::kKept[k];
              for (int w = 0; w < width; ++w)
                units.To(kept_all[k] + (step * width + w) * H, kept[from + w]);
            }
            const bool on = !masks || masks[step], again = is_reset(t + 1, b);
            units.To(y_all + step * H, on ? after[0] : Vec{});
            for (int s = 0; s < S; ++s) {
              const Vec now = on ? after[s] : before[s];
              units.To(at(s, t + 1) + b * H, again ? units.From(starts + s * size + b * H) : now);
            }
          }
        };
        WithUnits(p, H, [&](auto units) {
          InBlocks(rows, [&](int64_t row, auto rows_of) { block(row, rows_of, units); });
        });
      }
      meet();
    }
  });
  return ffi::Error::Success();
}

// The K steps from `first` on, from the last of them to the first.  turned: wh's transpose, four
// vectors of columns after the other.  dys, mask, resets and the rest of the arguments, what
// Forwards kept, are of all T steps.  dstate and dstart [S, B, H] are what comes from the steps
// behind; dstart is [0] where there are no resets.  da [K, B, GH] is the cotangent of what the
// matmul gave; where the cell has them apart, that of the projection follows it.
template <class Cell>
static ffi::Error Backwards(ffi::ThreadPool pool, Floats turned, Floats dys, Flags mask,
                            Flags resets, Number first, Floats dstate, Floats dstart,
                            ffi::RemainingArgs rest, ffi::Result<Floats> dstate_out,
                            ffi::Result<Floats> dstart_out, ffi::Result<Floats> da,
                            ffi::RemainingRets apart) {
  constexpr int S = Cell::kStates, G = Cell::kGates;
  const int64_t K = da->dimensions()[0], B = da->dimensions()[1], H = da->dimensions()[2] / G;
  const int64_t vectors = (H + kLanes - 1) / kLanes, P = (vectors + 3) / 4, size = B * H;
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
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = panels_of + p * G * H * 4 * kLanes;
        Sized<4>(p, std::min<int64_t>(4, vectors - p * 4), [&](int64_t, auto columns_of) {
          constexpr int N = decltype(columns_of)::value;
          InBlocks(rows, [&](int64_t row, auto rows_of) {
            constexpr int R = decltype(rows_of)::value;
            Vec sums[R][N] = {};
            const float* das = da_all + (t * B + row) * G * H;
            Multiply<R, N>(sums, das, G * H, panel, G * H, [](int n) { return n; }, 4);
            for (int r = 0; r < R; ++r) {
              for (int n = 0; n < N; ++n) {
                const int64_t b = row + r;
                WithUnits(p * 4 + n, H, [&](auto units) {
                  const Vec before = units.From(d_state + b * H) + sums[r][n];
                  put(reset && reset[t * B + b], 0, b, units, before);
                });
              }
            }
          });
        });
      }
    }
  });
  return ffi::Error::Success();
}

static auto ForwardsOf() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Floats>()  // x
      .Arg<Floats>()  // u
      .Arg<Floats>()  // weights
      .Arg<Floats>()  // state
      .Arg<Floats>()  // start
      .Arg<Flags>()   // mask
      .Arg<Flags>()   // resets
      .Ret<Floats>()  // end
      .Ret<Floats>()  // ys
      .RemainingRets();
}
static auto BackwardsOf() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Floats>()  // turned
      .Arg<Floats>()  // dys
      .Arg<Flags>()   // mask
      .Arg<Flags>()   // resets
      .Arg<Number>()  // first
      .Arg<Floats>()  // dstate
      .Arg<Floats>()  // dstart
      .RemainingArgs()
      .Ret<Floats>()  // dstate
      .Ret<Floats>()  // dstart
      .Ret<Floats>()  // da
      .RemainingRets();
}
XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_lstm_forwards, Forwards<Lstm>, ForwardsOf());
XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_lstm_backwards, Backwards<Lstm>, BackwardsOf());
XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_gru_forwards, Forwards<Gru>, ForwardsOf());
XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_gru_backwards, Backwards<Gru>, BackwardsOf());

extern "C" int seqmodels_lanes() { return kLanes; }

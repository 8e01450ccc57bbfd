// The steps of an LSTM on a CPU, for XLA's foreign function interface; native.py builds it.
//
// A pass shares the batch out over XLA's own threads, and each takes all steps of its rows: nobody
// waits for anybody.  Where there are too few rows, the threads share out the units of every step.
// A block of rows by one vector of units, all gates of it, stays in registers from the matmul to
// the new state.

#include <algorithm>
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
#elif defined(__AVX__)
constexpr int kLanes = 8, kRows = 3;
#else
constexpr int kLanes = 4, kRows = 6;
#endif
constexpr int64_t kWorth = 1 << 19;  // multiplications that are worth another thread

typedef float Vec __attribute__((vector_size(4 * kLanes)));

static inline Vec Load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
static inline void Store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

static inline Vec LoadSome(const float* from, int count) {
  if (count == kLanes) return Load(from);
  Vec v = {};
  std::memcpy(&v, from, count * sizeof(float));
  return v;
}
static inline void StoreSome(float* to, Vec v, int count) {
  if (count == kLanes) return Store(to, v);
  std::memcpy(to, &v, count * sizeof(float));
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

// sums[r][n] += rows[r][k] * panel[k][n], a panel's row being `width` vectors wide.  Only inlined
// are the sums sure to stay in registers: elsewhere rows and panel might be where they lie.
template <int R, int N>
__attribute__((always_inline)) static inline void Multiply(Vec (&sums)[R][N], const float* rows, int64_t stride,
                            const float* panel, int64_t depth, int width = N) {
  for (int64_t k = 0; k < depth; ++k, panel += width * kLanes) {
    Vec columns[N];
    for (int n = 0; n < N; ++n) columns[n] = Load(panel + n * kLanes);
    for (int r = 0; r < R; ++r) {
      const float x = rows[r * stride + k];
      for (int n = 0; n < N; ++n) sums[r][n] += x * columns[n];
    }
  }
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
  for (int k = 1; k < std::min<int64_t>(count, pool.num_threads()); ++k) pool.Schedule([help] { help(); });
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

// Calls block(row, std::integral_constant<R>) for blocks of about equal size.
template <int R, typename Block>
static inline void Sized(int64_t row, int64_t size, Block&& block) {
  if constexpr (R > 0) {
    if (size == R) return block(row, std::integral_constant<int, R>());
    Sized<R - 1>(row, size, block);
  }
}
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
static void Divide(ffi::ThreadPool pool, int64_t rows, int64_t panels, int64_t work, Steps steps) {
  const int64_t most = std::clamp<int64_t>(work / kWorth, 1, pool.num_threads());
  const int64_t by_rows = std::min(most, rows / 4), by_units = std::min(most, panels);
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

using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Place = ffi::Buffer<ffi::S32>;
template <typename Buffer>
static auto* Data(Buffer& buffer) {
  return buffer.element_count() ? buffer.typed_data() : nullptr;
}

// x [T, B, D], of which the matmul is done here, or u [T, B, 4H], in which it was; the other is
// [0].  kernel [P, 1 + D + H, 4, lanes]: bias, wx (where there is x) and wh, by vectors of units.
// h, c, start_h, start_c [B, H], mask and resets [T, B]; the last four may be [0], and so are all
// results that the derivatives would need where they are not wanted.
static ffi::Error LstmForwards(ffi::ThreadPool pool, Floats x, Floats u, Floats kernel, Floats h0,
                               Floats c0, Floats start_h, Floats start_c, Flags mask, Flags resets,
                               ffi::Result<Floats> h_end, ffi::Result<Floats> c_end,
                               ffi::Result<Floats> ys, ffi::Result<Floats> before_h,
                               ffi::Result<Floats> before_c, ffi::Result<Floats> gates,
                               ffi::Result<Floats> seen) {
  const int64_t T = ys->dimensions()[0], B = ys->dimensions()[1], H = ys->dimensions()[2];
  const float *xs = Data(x), *us = Data(u), *weights = kernel.typed_data();
  const int64_t D = xs ? x.dimensions()[2] : 0, P = kernel.dimensions()[0], size = B * H;
  const float *sh = Data(start_h), *sc = Data(start_c);
  const bool *masks = Data(mask), *reset = Data(resets);
  float *y_all = ys->typed_data(), *g_all = Data(*gates), *s_all = Data(*seen);
  float *h_all = Data(*before_h), *c_all = Data(*before_c);
  const bool keep = g_all;
  std::unique_ptr<float[]> spare;
  if (!keep) {
    spare.reset(new float[4 * size]);
    h_all = spare.get();
    c_all = h_all + 2 * size;
  }
  const auto at = [=](float* all, float* last, int64_t t) {  // the state before step t
    return t == T ? last : all + (keep ? t : t % 2) * size;
  };
  float *h_last = h_end->typed_data(), *c_last = c_end->typed_data();
  const float *h_first = h0.typed_data(), *c_first = c0.typed_data();

  Divide(pool, B, P, T * B * H * (D + H) * 4, [=](Share rows, Share panels, auto meet) {
    const auto is_reset = [=](int64_t t, int64_t b) { return reset && t < T && reset[t * B + b]; };
    const int64_t left = panels.begin * kLanes, right = std::min(panels.end * kLanes, H);
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      const bool again = is_reset(0, b);
      const float *h = (again ? sh : h_first) + b * H, *c = (again ? sc : c_first) + b * H;
      std::copy(h + left, h + right, at(h_all, h_last, 0) + b * H + left);
      std::copy(c + left, c + right, at(c_all, c_last, 0) + b * H + left);
    }
    meet();
    for (int64_t t = 0; t < T; ++t) {
      const float *h_now = at(h_all, h_last, t), *c_now = at(c_all, c_last, t);
      float *h_new = at(h_all, h_last, t + 1), *c_new = at(c_all, c_last, t + 1);
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = weights + p * (1 + D + H) * 4 * kLanes;
        const int64_t unit = p * kLanes;
        const int count = std::min<int64_t>(kLanes, H - unit);
        InBlocks(rows, [&](int64_t row, auto size_of) {
          constexpr int R = decltype(size_of)::value;
          Vec sums[R][4];
          for (int r = 0; r < R; ++r)
            for (int g = 0; g < 4; ++g) sums[r][g] = Load(panel + g * kLanes);
          Multiply(sums, xs + (t * B + row) * D, D, panel + 4 * kLanes, D);
          Multiply(sums, h_now + row * H, H, panel + (1 + D) * 4 * kLanes, H);
          for (int r = 0; r < R; ++r) {
            const int64_t b = row + r, i = b * H + unit, z = (t * B + b) * 4 * H + unit;
            Vec gate[4];
            for (int g = 0; g < 4; ++g) {
              gate[g] = Tanh(us ? sums[r][g] + LoadSome(us + z + g * H, count) : sums[r][g]);
            }
            Vec c = Half(gate[1]) * LoadSome(c_now + i, count) + Half(gate[0]) * gate[2];
            const Vec shown = Tanh(c);
            Vec h = Half(gate[3]) * shown, y = h;
            if (keep) {
              for (int g = 0; g < 4; ++g) StoreSome(g_all + z + g * H, gate[g], count);
              StoreSome(s_all + t * size + i, shown, count);
            }
            if (masks && !masks[t * B + b]) {
              h = LoadSome(h_now + i, count);
              c = LoadSome(c_now + i, count);
              y = Vec{};
            }
            StoreSome(y_all + t * size + i, y, count);
            const bool again = is_reset(t + 1, b);
            StoreSome(h_new + i, again ? LoadSome(sh + i, count) : h, count);
            StoreSome(c_new + i, again ? LoadSome(sc + i, count) : c, count);
          }
        });
      }
      meet();
    }
  });
  return ffi::Error::Success();
}

// The same backwards, from the last step to the first: dz [K, B, 4H] of the steps from `place` on.
// turned [Q, 4H, 4, lanes] is the kernel's transpose; gates, seen, before_c and dys are [T, ...].
static ffi::Error LstmBackwards(ffi::ThreadPool pool, Floats turned, Floats gates, Floats seen,
                                Floats before_c, Floats dys, Flags mask, Flags resets, Place place,
                                Floats dh_in, Floats dc_in, Floats dsh_in, Floats dsc_in,
                                ffi::Result<Floats> dz, ffi::Result<Floats> dh_out,
                                ffi::Result<Floats> dc_out, ffi::Result<Floats> dsh_out,
                                ffi::Result<Floats> dsc_out) {
  const int64_t K = dz->dimensions()[0], B = dz->dimensions()[1], H = dz->dimensions()[2] / 4;
  const int64_t vectors = (H + kLanes - 1) / kLanes, P = (vectors + 3) / 4;
  const int64_t first = *place.typed_data(), size = B * H;
  const float* weights = turned.typed_data();
  const float* g_all = gates.typed_data() + first * 4 * size;
  const float* s_all = seen.typed_data() + first * size;
  const float* c_all = before_c.typed_data() + first * size;
  const float* dy_all = dys.typed_data() + first * size;
  const bool* masks = Data(mask) ? Data(mask) + first * B : nullptr;
  const bool* reset = Data(resets) ? Data(resets) + first * B : nullptr;
  float *dz_all = dz->typed_data(), *dh = dh_out->typed_data(), *dc = dc_out->typed_data();
  float *dsh = reset ? dsh_out->typed_data() : nullptr, *dsc = reset ? dsc_out->typed_data() : nullptr;
  std::copy(dh_in.typed_data(), dh_in.typed_data() + size, dh);
  std::copy(dc_in.typed_data(), dc_in.typed_data() + size, dc);
  if (reset) {
    std::copy(dsh_in.typed_data(), dsh_in.typed_data() + size, dsh);
    std::copy(dsc_in.typed_data(), dsc_in.typed_data() + size, dsc);
  }

  // A copy of one step's dz, whose rows do not fall on the same lines of the cache.
  const int64_t stride = 4 * H + kLanes;
  std::unique_ptr<float[]> spare(new float[2 * B * stride]);

  Divide(pool, B, P, K * B * H * H * 4, [&](Share rows, Share panels, auto meet) {
    const int64_t left = panels.begin * 4, right = std::min(panels.end * 4, vectors);
    const auto is_on = [=](int64_t t, int64_t b) { return !masks || masks[t * B + b]; };
    for (int64_t t = K - 1; t >= 0; --t) {
      float* step = spare.get() + t % 2 * B * stride;
      for (int64_t b = rows.begin; b < rows.end; ++b) {
        const bool on = is_on(t, b), again = reset && reset[t * B + b];
        for (int64_t v = left; v < right; ++v) {
          const int64_t unit = v * kLanes, i = b * H + unit, j = t * size + i;
          const int64_t z = (t * B + b) * 4 * H + unit;
          const int count = std::min<int64_t>(kLanes, H - unit);
          Vec d[4] = {};
          Vec before = LoadSome(dc + i, count);
          if (on) {
            Vec gate[4];
            for (int g = 0; g < 4; ++g) gate[g] = LoadSome(g_all + z + g * H, count);
            const Vec shown = LoadSome(s_all + j, count);
            const Vec h = LoadSome(dh + i, count) + LoadSome(dy_all + j, count);
            const Vec c = before + h * Half(gate[3]) * (1.0f - shown * shown);
            d[0] = c * 0.5f * gate[2];
            d[1] = c * 0.5f * LoadSome(c_all + j, count);
            d[2] = c * Half(gate[0]);
            d[3] = h * 0.5f * shown;
            for (int g = 0; g < 4; ++g) d[g] *= 1.0f - gate[g] * gate[g];
            before = c * Half(gate[1]);
          }
          for (int g = 0; g < 4; ++g) {
            StoreSome(dz_all + z + g * H, d[g], count);
            StoreSome(step + b * stride + g * H + unit, d[g], count);
          }
          if (again) StoreSome(dsc + i, LoadSome(dsc + i, count) + before, count);
          StoreSome(dc + i, again ? Vec{} : before, count);
        }
      }
      meet();
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = weights + p * 4 * H * 4 * kLanes;
        const auto columns = [&](auto wide) {
          constexpr int N = decltype(wide)::value;
          InBlocks(rows, [&](int64_t row, auto size_of) {
            constexpr int R = decltype(size_of)::value;
            Vec sums[R][N] = {};
            Multiply(sums, step + row * stride, stride, panel, 4 * H, 4);
            for (int r = 0; r < R; ++r) {
              const int64_t b = row + r;
              const bool on = is_on(t, b), again = reset && reset[t * B + b];
              for (int n = 0; n < N; ++n) {
                const int64_t unit = (p * 4 + n) * kLanes, i = b * H + unit;
                const int count = std::min<int64_t>(kLanes, H - unit);
                const Vec before = on ? sums[r][n] : LoadSome(dh + i, count);
                if (again) StoreSome(dsh + i, LoadSome(dsh + i, count) + before, count);
                StoreSome(dh + i, again ? Vec{} : before, count);
              }
            }
          });
        };
        switch (std::min<int64_t>(4, vectors - p * 4)) {
          case 1: columns(std::integral_constant<int, 1>()); break;
          case 2: columns(std::integral_constant<int, 2>()); break;
          case 3: columns(std::integral_constant<int, 3>()); break;
          default: columns(std::integral_constant<int, 4>());
        }
      }
    }
  });
  return ffi::Error::Success();
}

extern "C" int seqmodels_lanes() { return kLanes; }

XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_lstm_forwards, LstmForwards,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>()
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Flags>()
                                  .Arg<Flags>()
                                  .Ret<Floats>().Ret<Floats>().Ret<Floats>().Ret<Floats>()
                                  .Ret<Floats>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_lstm_backwards, LstmBackwards,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>()
                                  .Arg<Floats>().Arg<Flags>().Arg<Flags>().Arg<Place>()
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>()
                                  .Ret<Floats>().Ret<Floats>().Ret<Floats>().Ret<Floats>()
                                  .Ret<Floats>());

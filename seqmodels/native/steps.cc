// The steps of an LSTM, a GRU and an RNN on a CPU, for XLA's foreign function interface (build.py).
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
#if defined(__AVX512BF16__)
#include <immintrin.h>
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
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Shorts __attribute__((vector_size(2 * kLanes)));
constexpr uint32_t kHigh = 0xffff0000;

static inline Vec Load(const float* from) {
  Vec v;
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
// weights has kGroup numbers for each column.
struct Float32 {
  using Number = float;
  using Columns = Vec;
  static constexpr auto kType = ffi::F32;
  static constexpr int kGroup = 1;

  static Vec Add(Vec sum, const float* x, Vec columns) { return sum + *x * columns; }
};
struct BFloat16 {
  using Number = uint16_t;
  using Columns = Bits;
  static constexpr auto kType = ffi::BF16;
  static constexpr int kGroup = 2;

  static Vec Add(Vec sum, const uint16_t* x, Bits columns) {
    uint32_t pair;
    std::memcpy(&pair, x, sizeof pair);
#if defined(__AVX512BF16__)
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)columns);
#else
    const Bits pairs = Bits{} + pair;
    sum += (Vec)(pairs << 16) * (Vec)(columns << 16);
    return sum + (Vec)(pairs & kHigh) * (Vec)(columns & kHigh);
#endif
  }
};

// sums[r][to(n)] += rows[r][k] * panel[k][n], a panel's row being `width` columns wide.
template <class In, int R, int N, int M, typename To>
static inline void Multiply(Vec (&sums)[R][M], const typename In::Number* rows, int64_t stride,
                            const typename In::Number* panel, int64_t depth, To to, int width) {
  constexpr int kStep = In::kGroup * kLanes;
  Vec own[R][N];  // in registers, since nobody else knows where they lie
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) own[r][n] = sums[r][to(n)];
  for (int64_t k = 0; k < depth; k += In::kGroup, panel += width * kStep) {
    typename In::Columns columns[N];
    for (int n = 0; n < N; ++n) std::memcpy(&columns[n], panel + n * kStep, sizeof columns[n]);
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) own[r][n] = In::Add(own[r][n], rows + r * stride + k, columns[n]);
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

// How the cells of seqmodels/cells/lstm.py, gru.py and rnn.py make their new state, for a vector of
// units.
//
// A cell has kStates states of which the first is h and its output, kGates columns of gates, and
// kSums sums: the x-part of gate g is added to sum g, the h-part to sum FromH(g).  A matmul makes
// those of kVectors vectors at a time, enough to fill the registers (KINDS in engines/native.py
// lays the weights out for as many).  kKept are the arrays that its derivatives need, by their
// widths in units; New gives them one after the other.  Pull turns the cotangents of the new state
// into those of the old one (but for what goes through the matmul) and of both parts of the gates.

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
  static constexpr int kStates = 1, kGates = 3, kSums = 4, kVectors = 1;
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

using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Index = ffi::Buffer<ffi::S32>;

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

// All steps.  x [T, B, D], of which the matmul is done here, or u [T, B, GH], in which it was; the
// other is [0].  biases: of all sums, for each vector of units; weights: for every kVectors of them
// wx (where there is x) and wh, a row after the other; D and wh's H are multiples of kGroup.  state
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
  const int64_t T = ys->dimensions()[0], B = ys->dimensions()[1], H = ys->dimensions()[2];
  const int64_t vectors = (H + kLanes - 1) / kLanes, P = (vectors + V - 1) / V, size = B * H;
  const Number *xs = Data(x), *panels_of = weights.typed_data();
  const int64_t D = xs ? x.dimensions()[2] : 0;
  const int64_t depth = (H + In::kGroup - 1) / In::kGroup * In::kGroup;
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
        InBlocks(rows, [&](int64_t row, auto rows_of) {
          constexpr int R = decltype(rows_of)::value;
          Vec sums[R][V * N];
          for (int r = 0; r < R; ++r)
            for (int n = 0; n < V * N; ++n) sums[r][n] = Load(bias + n * kLanes);
          Multiply<In, R, V * G>(sums, xs + (t * B + row) * D, D, wx, D, from_x, V * G);
          const Number* hs = multiplied(t) + row * depth;
          Multiply<In, R, V * G>(sums, hs, depth, wh, depth, from_h, V * G);
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

// The K steps from `first` on, from the last of them to the first.  turned: wh's transpose, four
// vectors of columns after the other.  dys, mask, resets and the rest of the arguments, what
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
      const auto finish = [&](const Vec& sum, int64_t vector, int64_t b) {
        WithUnits(vector, H, [&](auto units) {
          put(reset && reset[t * B + b], 0, b, units, units.From(d_state + b * H) + sum);
        });
      };
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = panels_of + p * G * H * 4 * kLanes;
        Sized<4>(p, std::min<int64_t>(4, vectors - p * 4), [&](int64_t, auto columns_of) {
          constexpr int N = decltype(columns_of)::value;
          InBlocks(rows, [&](int64_t row, auto rows_of) {
            constexpr int R = decltype(rows_of)::value;
            Vec sums[R][N] = {};
            const float* das = da_all + (t * B + row) * G * H;
            Multiply<Float32, R, N>(sums, das, G * H, panel, G * H, [](int n) { return n; }, 4);
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
#define SEQMODELS_KERNELS(name, Cell)                                                            \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forwards_float32, (Forwards<Cell, Float32>),  \
                                ForwardsOf<Float32>());                                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forwards_bfloat16, (Forwards<Cell, BFloat16>), \
                                ForwardsOf<BFloat16>());                                         \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_backwards, Backwards<Cell>, BackwardsOf())
SEQMODELS_KERNELS(lstm, Lstm);
SEQMODELS_KERNELS(gru, Gru);
SEQMODELS_KERNELS(rnn, Rnn<Tanhs>);
SEQMODELS_KERNELS(irnn, Rnn<Relu>);

extern "C" int seqmodels_lanes() { return kLanes; }

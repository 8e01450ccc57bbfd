// Parallel loops on XLA's thread pool.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "xla/ffi/api/ffi.h"

// The multiplications that justify another thread: per pass if the threads are independent, per
// step if they meet at a barrier after every step.
constexpr int64_t kWorkPerThread = 1 << 19, kWorkPerBarrier = 1 << 14;

static inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
template <typename Done>
static inline void SpinUntil(Done done) {
  for (int spin = 0; !done(); ++spin) spin < 200 ? Pause() : std::this_thread::yield();
}
// Returns the core of the calling thread, or -1 if it is unknown.
static inline int CurrentCore() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Calls work(k) for every k < count, on the calling thread and on idle threads of the pool.
template <typename Work>
static void ParallelFor(xla::ffi::ThreadPool pool, int count, Work work) {
  struct State {
    std::atomic<int> next{0}, done{0};
  };
  auto state = std::make_shared<State>();
  const auto help = [state, count, work] {  // a thread that comes too late finds no k left
    for (int k; (k = state->next.fetch_add(1)) < count; state->done.fetch_add(1)) work(k);
  };
  const int threads = std::min<int64_t>(count, pool.num_threads());
  for (int k = 1; k < threads; ++k) pool.Schedule([help] { help(); });
  help();
  SpinUntil([&] { return state->done.load() == count; });
}

// Calls work(member, size, barrier) concurrently on a team of threads: the calling thread and at
// most max_size - 1 threads of the pool that join in time.  A pool thread on the core of the
// calling thread does not join, because two threads on one core that wait for each other would
// take turns.
template <typename Work>
static void RunTeam(xla::ffi::ThreadPool pool, int max_size, Work work) {
  constexpr int kClosed = 1 << 20;
  struct State {
    std::atomic<int> joined{1}, size{0}, done{0};
    std::atomic<int64_t> arrivals{0};
  };
  auto state = std::make_shared<State>();
  const auto run = [state, work](int member, int size) {
    work(member, size, [&] {
      const int64_t round = state->arrivals.fetch_add(1) / size + 1;
      SpinUntil([&] { return state->arrivals.load() >= round * size; });
    });
    state->done.fetch_add(1);
  };
  max_size = std::min<int64_t>(max_size, pool.num_threads());
  for (int k = 1; k < max_size; ++k) {
    pool.Schedule([state, run, core = CurrentCore()] {
      if (core >= 0 && CurrentCore() == core) return;
      const int member = state->joined.fetch_add(1);
      if (member >= kClosed) return;
      SpinUntil([&] { return state->size.load() > 0; });
      run(member, state->size.load());
    });
  }
  for (int spin = 0; spin < 2000 && state->joined.load() < max_size; ++spin) Pause();
  const int size = state->joined.fetch_add(kClosed);
  state->size.store(size);
  run(0, size);
  SpinUntil([&] { return state->done.load() == size; });
}

struct Range {
  int64_t begin, end;
  // Returns part `member` of `members` about equal parts of [0, count).
  static Range Of(int64_t count, int member, int members) {
    return {count * member / members, count * (member + 1) / members};
  }
};

// Calls steps(rows, panels, barrier) on several threads.  With enough rows, each thread takes some
// of them and runs independently.  Otherwise each takes some panels of units, and all threads meet
// at a barrier after every step, because the next step needs the units of all.
template <typename Steps>
static void ParallelSteps(xla::ffi::ThreadPool pool, int64_t length, int64_t rows, int64_t panels,
                          int64_t work, Steps steps) {
  const int64_t most = std::clamp<int64_t>(length * work / kWorkPerThread, 1, pool.num_threads());
  const int64_t team = std::clamp<int64_t>(work / kWorkPerBarrier, 1, panels);
  const int64_t by_rows = std::min(most, rows / 4), by_units = std::min(most, team);
  if (by_rows >= by_units) {
    ParallelFor(pool, by_rows, [&](int k) {
      steps(Range::Of(rows, k, by_rows), Range{0, panels}, [] {});
    });
  } else {
    RunTeam(pool, by_units, [&](int member, int members, auto barrier) {
      steps(Range{0, rows}, Range::Of(panels, member, members), barrier);
    });
  }
}

// Sharing work out over XLA's own threads.

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

// Multiplications that are worth another thread: in a pass, and where all meet after each step.
constexpr int64_t kWorth = 1 << 19, kWorthMeeting = 1 << 14;

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
static void ShareOut(xla::ffi::ThreadPool pool, int count, Work work) {
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
static void Together(xla::ffi::ThreadPool pool, int most, Work work) {
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

// steps(rows, panels, meet): shares of rows where there are enough of them, else of units, of which
// all threads need those of the others after each step.
template <typename Steps>
static void Divide(xla::ffi::ThreadPool pool, int64_t length, int64_t rows, int64_t panels,
                   int64_t work, Steps steps) {
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

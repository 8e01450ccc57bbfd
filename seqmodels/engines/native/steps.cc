// Forward and backward steps of LSTM, GRU and RNN on a CPU, called by XLA's foreign function
// interface (build.py registers them).
//
// A pass divides the rows of the batch among XLA's threads, and each runs all steps of its rows
// without waiting for the others.  With too few rows, the threads divide the units of every step.
// A block of rows by one vector of units, with all its gates, stays in registers from the matmul to
// the new state.

#include "backward.h"
#include "cells.h"
#include "forward.h"
#include "loops.h"
#include "vectors.h"
#include "xla/ffi/api/ffi.h"

template <class In>
static auto BindForward() {
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
static auto BindBackward() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Floats>()  // transposed
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
#define SEQMODELS_KERNELS(name, Cell)                                                           \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forward_float32, (Forward<Cell, Float32>),   \
                                BindForward<Float32>());                                        \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_forward_bfloat16, (Forward<Cell, BFloat16>), \
                                BindForward<BFloat16>());                                       \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(seqmodels_##name##_backward, Backward<Cell>, BindBackward());   \
  extern "C" int seqmodels_##name##_vectors() { return Cell::kVectors; }
SEQMODELS_KERNELS(lstm, Lstm)
SEQMODELS_KERNELS(gru, Gru)
SEQMODELS_KERNELS(rnn, Rnn<TanhActivation>)
SEQMODELS_KERNELS(irnn, Rnn<ReluActivation>)

// The constants by which engine.py packs the weights.
extern "C" int seqmodels_lanes() { return kLanes; }
extern "C" int seqmodels_columns() { return kColumns; }

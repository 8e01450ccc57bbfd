"""Time CTC: the loss against optax and PyTorch, and prefix beam search per line.

    taskset -c 0 python -m benchmarks.ctc --output benchmarks/results/ctc.json

The loss is the value and the gradient of the logits.  Sizes (T, B, V, L) are frames, sequences,
symbols and labels.  All calls of a size are interleaved, and PyTorch uses as many threads as the
process has cores.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from benchmarks.implementation import compile_call
from benchmarks.page_tables import ctc_beam_table, ctc_loss_table
from benchmarks.rows import OURS, Row, command_line, merge_results, summarize
from benchmarks.timing import Call, measure
from seqmodels.cells.lstm import lstm
from seqmodels.decode.ctc import ctc_beam, ctc_greedy
from seqmodels.decode.prefix_beam import CtcBeamConfig
from seqmodels.decode.scorers import ModelAlphabet, Scorer, automaton_scorer, model_scorer
from seqmodels.losses.ctc import ctc_loss
from seqmodels.models.language.ngrams import ngram_automaton

SIZES = ((50, 16, 21, 6), (200, 32, 80, 40), (500, 16, 80, 60))
LINES = (100, 32, 80)  # T, B and V of beam search


@dataclass(frozen=True)
class Options:
    """How to measure."""

    seconds: float = 6.0
    """Time for the calls of each size."""
    output: Path | None = None
    """JSON file that the rows are merged into."""


class Batch(NamedTuple):
    """Random logits and labels, all of full length."""

    logits: np.ndarray  # [T, B, V]
    labels: np.ndarray  # [L, B]


def random_batch(frames: int, rows: int, symbols: int, length: int) -> Batch:
    """Return a batch of a size."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(frames, rows, symbols)).astype(np.float32)
    return Batch(logits, random.integers(1, symbols, (length, rows)).astype(np.int32))


def our_loss(batch: Batch) -> Call:
    """Return the call of our loss."""
    mask, label_mask = jnp.ones(batch.logits.shape[:2], bool), jnp.ones(batch.labels.shape, bool)

    def total(logits: jax.Array) -> jax.Array:
        return jnp.sum(ctc_loss(logits, mask, jnp.asarray(batch.labels), label_mask).nats)

    return compile_call(jax.value_and_grad(total), batch.logits).call


def optax_loss(batch: Batch) -> Call:
    """Return the call of optax's loss, which is batch-first."""
    logits, labels = np.swapaxes(batch.logits, 0, 1), jnp.asarray(batch.labels.T)

    def total(logits: jax.Array) -> jax.Array:
        padding = jnp.zeros(logits.shape[:2]), jnp.zeros(labels.shape)
        return jnp.sum(optax.ctc_loss(logits, padding[0], labels, padding[1]))

    return compile_call(jax.value_and_grad(total), np.ascontiguousarray(logits)).call


def pytorch_loss(batch: Batch) -> Call:
    """Return the call of PyTorch's loss."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    (frames, rows, _), length = batch.logits.shape, len(batch.labels)
    logits = torch.tensor(batch.logits, requires_grad=True)
    labels = torch.tensor(batch.labels.T.astype(np.int64))
    lengths = torch.full((rows,), frames), torch.full((rows,), length)

    def call() -> None:
        logits.grad = None
        nats = logits.log_softmax(-1)
        torch.nn.functional.ctc_loss(nats, labels, *lengths, reduction="sum").backward()

    return call


def loss_rows(seconds: float) -> Iterator[Row]:
    """Yield a row for every size."""
    make: dict[str, Callable[[Batch], Call]] = {OURS: our_loss, "optax": optax_loss}
    if find_spec("torch"):
        make["pytorch"] = pytorch_loss
    for size in SIZES:
        batch = random_batch(*size)
        samples = measure({name: one(batch) for name, one in make.items()}, seconds)
        yield {
            "name": f"loss {size}",
            "size": size,
            "libraries": {name: summarize(samples, name) for name in make},
        }


def model(symbols: int) -> Scorer:
    """Return a character model of 128 LSTM units as a scorer."""
    cell, table = lstm(32, 128), jax.random.normal(jax.random.key(2), (symbols, 32))
    params = cell.init(jax.random.key(0))
    readout = 0.1 * jax.random.normal(jax.random.key(1), (128, symbols))

    def step(carry, token):
        carry, h = cell.step(params, carry, table[token])
        return carry, h @ readout

    alphabet = ModelAlphabet(np.arange(symbols), first=0)
    return model_scorer(step, partial(cell.start, params), alphabet)


def beam_rows(seconds: float) -> Iterator[Row]:
    """Yield the milliseconds per line of each way to decode."""
    frames, rows, symbols = LINES
    logits = 4.0 * random_batch(frames, rows, symbols, 1).logits
    logits[::2, :, 0] += 20.0  # half of the frames are blank, as after training
    mask = jnp.ones((frames, rows), bool)
    texts = np.random.default_rng(1).integers(1, symbols, (2000, 40))
    ngrams = automaton_scorer(ngram_automaton(texts.tolist(), symbols, states=20_000))
    beam, pruned = CtcBeamConfig(25), CtcBeamConfig(25, symbols=15)
    skipping = pruned._replace(skip_blank=0.99)
    ways: dict[str, Callable] = {
        "greedy": ctc_greedy,
        "25 prefixes": partial(ctc_beam, config=beam),
        "25 prefixes, 15 symbols per frame": partial(ctc_beam, config=pruned),
        "the same, half of the frames skipped as blanks": partial(ctc_beam, config=skipping),
        "25 prefixes, 5-gram": partial(ctc_beam, config=beam, scorer=ngrams),
        "25 prefixes, LSTM of 128 units": partial(ctc_beam, config=beam, scorer=model(symbols)),
    }
    calls = {name: compile_call(way, logits, mask).call for name, way in ways.items()}
    samples = measure(calls, seconds)
    for name in ways:
        milliseconds = 1e3 * float(np.median(samples.quiet(name)[0])) / rows
        yield {"name": f"beam {name}", "way": name, "milliseconds": milliseconds}


def main(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Print both tables."""
    rows = [*loss_rows(options.seconds), *beam_rows(2 * options.seconds)]
    print("\n".join([*ctc_loss_table(rows), "", *ctc_beam_table(rows)]))
    if options.output:
        merge_results(options.output, "ctc", rows, command_line("benchmarks.ctc"))


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.ctc", description=__doc__)

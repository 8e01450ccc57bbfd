"""A whole training step of the character model beside the same step in PyTorch, interleaved.

    python -m benchmarks.training_step --cell gru --layers 2 --hidden 448 --batch 32

Same model on both sides (embedding, stacked recurrence, readout), no dropout, AdamW, gradient
clipping by global norm, carried state; float32, the same number of threads.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
import torch
import tyro

from experiments import char_generation
from seqmodels.data.streams import Window
from seqmodels.train.config import hyper
from seqmodels.train.state import init_state, train_chunk

SYMBOLS = 65
STEPS = 5  # of our side in one dispatch, and of PyTorch's loop in one sample


@dataclass(frozen=True)
class Case:
    """What to compare."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrence."""

    layers: int = 2
    """Recurrent layers."""

    hidden: int = 256
    """Units of each layer."""

    batch: int = 64
    """Parallel streams."""

    length: int = 64
    """Characters that a gradient reaches back."""

    rounds: int = 12
    """Samples of each side."""

    clock: Literal["wall", "cpu"] = "wall"
    """Time on the wall, or processor time, which other load leaves alone."""


def ours(case: Case, tokens: np.ndarray) -> Callable[[], Any]:
    """Five steps of the trainer's own compiled chunk."""
    config = char_generation.Config(
        cell=case.cell, layers=case.layers, hidden=case.hidden, dropout=0.0
    )
    extras = {"vocabulary": {"symbols": [chr(n) for n in range(SYMBOLS)]}}
    task = char_generation.task(config, extras)
    shape = tokens[:, :-1].shape
    resets = np.zeros(shape, bool)
    windows = Window(tokens[:, :-1], tokens[:, 1:], np.ones(shape, bool), resets)
    values = {name: jax.numpy.float32(x) for name, x in hyper(config).items()}
    first = jax.tree.map(lambda a: a[0], windows)
    state = jax.jit(lambda key: init_state(task, config, values, key, first))(jax.random.key(0))
    run = jax.jit(train_chunk(task, config), donate_argnums=0)

    def call() -> None:
        nonlocal state
        state, metrics = run(state, windows)
        jax.block_until_ready(metrics)

    return call


def peer(case: Case, tokens: np.ndarray) -> Callable[[], Any]:
    """Five eager steps of PyTorch, its fastest form on a CPU."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    kinds: dict[str, Any] = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
    embedding = torch.nn.Embedding(SYMBOLS, char_generation.Config.embedding)
    cell = kinds[case.cell](char_generation.Config.embedding, case.hidden, case.layers)
    readout = torch.nn.Linear(case.hidden, SYMBOLS)
    parameters = [*embedding.parameters(), *cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0)
    inputs = torch.from_numpy(tokens.astype(np.int64))
    carry: Any = None

    def step(window: torch.Tensor) -> None:
        nonlocal carry
        outputs, new = cell(embedding(window[:-1]), carry)
        carry = jax.tree.map(torch.Tensor.detach, new)
        logits = readout(outputs).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, window[1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    def call() -> None:
        for window in inputs:
            step(window)

    return call


def main(case: Case) -> None:
    """Print the median of paired ratios, and characters in a second of either side."""
    shape = (STEPS, case.length + 1, case.batch)
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, shape, dtype=np.int32)
    sides = {"seqmodels": ours(case, tokens), "pytorch": peer(case, tokens)}
    clock = time.perf_counter if case.clock == "wall" else time.process_time
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for call in sides.values():
        call()
    for _ in range(case.rounds):
        for name, call in sides.items():
            begin = clock()
            call()
            samples[name].append(clock() - begin)
    ratios = sorted(a / b for a, b in zip(samples["seqmodels"], samples["pytorch"], strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{case}\njax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0]}")
    for name, seconds in samples.items():
        rate = STEPS * case.length * case.batch / statistics.median(seconds)
        print(f"{name:<10} {rate:>9,.0f} characters per {case.clock} second")
    print(f"time of ours / PyTorch's: {middle:.2f} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main(tyro.cli(Case))

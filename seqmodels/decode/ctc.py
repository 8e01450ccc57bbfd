"""Greedy decoding and prefix beam search for CTC, for a batch of sequences."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.decode.prefix_beam import (
    LOWEST,
    BeamStep,
    CtcBeamConfig,
    PrefixBeam,
    end_beam,
    extend_beam,
    start_beam,
)
from seqmodels.decode.scorers import Scorer
from seqmodels.engines.problem import where
from seqmodels.losses.ctc_trellis import log_probabilities
from seqmodels.types import Array, Bool, Float, Int


class Transcripts(NamedTuple):
    """Recognized symbols, from the first row on; the rest is blank."""

    tokens: Int[Array, "T *B"]
    mask: Bool[Array, "T *B"]


class CtcHypotheses(NamedTuple):
    """The K best transcripts of each sequence, best first.

    ``tokens[0]`` are the best ones.  A row without a hypothesis is empty, with a score below -1e29.
    """

    tokens: Int[Array, "K T B"]
    mask: Bool[Array, "K T B"]
    scores: Float[Array, "K B"]  # nats and the weights of the scorer, by which they are ranked
    nats: Float[Array, "K B"]  # log-probabilities, summed over the paths in the beam


class _Frames(NamedTuple):
    """The frames that are not skipped, from the first row on.

    nats:       log-probabilities
    after_skip: whether frames before this one were skipped
    counts:     number of frames that are not skipped
    skipped:    log-probability of the blanks in all skipped frames
    """

    nats: Float[Array, "T B V"]
    after_skip: Bool[Array, "T B"]
    counts: Int[Array, "B"]
    skipped: Float[Array, "B"]


def ctc_greedy(
    logits: Float[Array, "T B V"], mask: Bool[Array, "T B"], *, blank: int = 0
) -> Transcripts:
    """Return what the most likely symbols of the frames write.

    Repeated symbols are removed, then blanks.

    >>> path = jnp.array([[1, 1, 0, 1, 2, 2]]).T
    >>> found = ctc_greedy(jax.nn.one_hot(path, 3), jnp.ones((6, 1), bool))
    >>> found.tokens[found.mask].tolist()
    [1, 1, 2]
    """
    path = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    before = jnp.concatenate([jnp.full_like(path[:1], blank), path[:-1]])
    return _align_left(path, mask & (path != blank) & (path != before), blank)


def ctc_beam(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    config: CtcBeamConfig,
    scorer: Scorer | None = None,
    *,
    blank: int = 0,
) -> CtcHypotheses:
    """Return the most likely transcripts, each summed over its paths in the beam.

        score(y) = log p(y | logits) + scorer(y) + length_bonus |y|

    Prefix beam search, Graves and Jaitly (2014) and Hannun et al. (2014), arXiv:1408.2873.  A
    prefix has one probability of paths that end in a blank and one of those that end in its last
    symbol.  The scorer's weight of a symbol is added when a prefix is extended by it, and that of
    the end after the last frame.

    >>> logits = jnp.log(jnp.array([[[0.4, 0.6]], [[0.6, 0.4]]]))
    >>> found = ctc_beam(logits, jnp.ones((2, 1), bool), CtcBeamConfig(2))
    >>> found.tokens[:, :, 0].tolist()
    [[1, 0], [0, 0]]
    >>> jnp.exp(found.nats[:, 0]).round(2)  # "1" and the empty text
    Array([0.76, 0.24], dtype=float32)
    """
    frames = _remove_skipped(logits, mask, config.skip_blank, blank)
    beam, steps = _search(frames, config, scorer, blank)
    ranking = jax.vmap(lambda one: end_beam(one, scorer))(beam)
    symbols = _trace_back(steps, ranking.rows, frames.counts)
    found = _align_left(symbols, (symbols >= 0) & (ranking.scores > LOWEST / 2)[None], blank)
    return CtcHypotheses(
        tokens=jnp.moveaxis(found.tokens, 2, 0),
        mask=jnp.moveaxis(found.mask, 2, 0),
        scores=(ranking.scores + frames.skipped[:, None]).T,
        nats=(ranking.nats + frames.skipped[:, None]).T,
    )


def _search(
    frames: _Frames, config: CtcBeamConfig, scorer: Scorer | None, blank: int
) -> tuple[PrefixBeam, BeamStep]:
    """Return the beam after the last frame of each sequence, and the steps of all frames."""
    length, batch, _ = frames.nats.shape
    beam = jax.vmap(lambda _: start_beam(config.width, scorer))(jnp.arange(batch))
    rows = jnp.broadcast_to(jnp.arange(config.width), (length, batch, config.width))
    steps = BeamStep(rows.astype(jnp.int32), jnp.full(rows.shape, -1, jnp.int32))
    if not length:
        return beam, steps
    extend_rows = jax.vmap(partial(extend_beam, config=config, scorer=scorer, blank=blank))

    def extend(t: Array, state: tuple[PrefixBeam, BeamStep]) -> tuple[PrefixBeam, BeamStep]:
        beam, steps = state
        active = t < frames.counts
        new, step = extend_rows(beam, frames.nats[t], frames.after_skip[t])
        step = where(active, step, jax.tree.map(lambda leaf: leaf[t], steps))
        steps = jax.tree.map(lambda leaf, row: leaf.at[t].set(row), steps, step)
        return where(active, new, beam), steps

    return jax.lax.fori_loop(0, jnp.max(frames.counts, initial=0), extend, (beam, steps))


def _remove_skipped(
    logits: Float[Array, "T B V"], mask: Bool[Array, "T B"], threshold: float | Array, blank: int
) -> _Frames:
    """Remove padding and the frames whose blank has more than this probability."""
    nats = log_probabilities(jnp.where(mask[..., None], logits, jnp.zeros_like(logits)))
    kept = mask & (nats[..., blank] <= jnp.log(jnp.asarray(threshold, jnp.float32)))
    order = jnp.argsort(~kept, axis=0, stable=True)
    before = jnp.concatenate([jnp.full_like(order[:1], -1), order[:-1]])
    return _Frames(
        nats=jnp.take_along_axis(nats, order[..., None], axis=0),
        after_skip=order > before + 1,
        counts=jnp.sum(kept, axis=0, dtype=jnp.int32),
        skipped=jnp.sum(jnp.where(mask & ~kept, nats[..., blank], 0.0), axis=0),
    )


def _trace_back(
    steps: BeamStep, rows: Int[Array, "B K"], counts: Int[Array, "B"]
) -> Int[Array, "T B K"]:
    """Return the symbol that each hypothesis gained in each frame; -1 if none."""

    bound = jnp.max(counts, initial=0)

    def back(n: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        rows, symbols = state
        t = bound - 1 - n
        gained = jnp.take_along_axis(steps.symbols[t], rows, axis=-1)
        return jnp.take_along_axis(steps.rows[t], rows, axis=-1), symbols.at[t].set(gained)

    symbols = jnp.full_like(steps.symbols, -1)
    return jax.lax.fori_loop(0, bound, back, (rows, symbols))[1] if len(symbols) else symbols


def _align_left(tokens: Int[Array, "T *B"], kept: Bool[Array, "T *B"], blank: int) -> Transcripts:
    """Move the kept tokens to the first rows."""
    order = jnp.argsort(~kept, axis=0, stable=True)
    mask = jnp.take_along_axis(kept, order, axis=0)
    return Transcripts(jnp.where(mask, jnp.take_along_axis(tokens, order, axis=0), blank), mask)

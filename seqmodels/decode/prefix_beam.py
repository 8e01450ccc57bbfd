"""The beam of a CTC prefix search, and its extension by a frame.

A prefix is identified by a hash of its symbols.  The extension of prefix i by symbol c is prefix j
of the beam if ``hash(i) = parent(j)`` and ``c = last(j)``.  Both then are the same text, and their
probabilities are added.  Tokens are not copied from frame to frame: each frame stores from which
row a prefix came and the symbol that it gained.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.decode.scorers import Scorer, State
from seqmodels.engines.problem import where
from seqmodels.losses.ctc_trellis import log_add
from seqmodels.types import Array, Bool, Float, Int, Num

LOWEST = -1e30  # finite, so that sums of it are finite


class CtcBeamConfig(NamedTuple):
    """Options of a prefix beam search.

    width:        prefixes per sequence
    symbols:      extend prefixes only by this many of the most likely symbols of a frame; 0: by all
    skip_blank:   skip frames whose blank has more than this probability; 1 skips none
    length_bonus: added to the score for every symbol
    """

    width: int = 25
    symbols: int = 0
    skip_blank: float | Array = 1.0
    length_bonus: float | Array = 0.0


class PrefixBeam(NamedTuple):
    """K prefixes; a row without a prefix has probabilities of ``LOWEST``."""

    blank: Float[Array, "K"]  # log-probability of the paths that end in a blank
    symbol: Float[Array, "K"]  # log-probability of the paths that end in the last symbol
    weight: Float[Array, "K"]  # sum of the scorer's weights
    hash: Num[Array, "K 2"]
    parent: Num[Array, "K 2"]  # hash of the prefix without its last symbol
    last: Int[Array, "K"]  # last symbol; -1 if there is none
    state: State  # of the scorer


class BeamStep(NamedTuple):
    """The row that each prefix came from, and the symbol that it gained; -1 if none."""

    rows: Int[Array, "*B K"]
    symbols: Int[Array, "*B K"]


class Ranking(NamedTuple):
    """Rows of the beam by score."""

    rows: Int[Array, "K"]
    scores: Float[Array, "K"]
    nats: Float[Array, "K"]


class _Stays(NamedTuple):
    """The K prefixes without a new symbol."""

    blank: Float[Array, "K"]
    symbol: Float[Array, "K"]
    parent: Int[Array, "K"]  # row; K if it is not in the beam


class _Extensions(NamedTuple):
    """The K prefixes extended by P symbols."""

    symbols: Int[Array, "P"]
    nats: Float[Array, "K P"]
    gains: Float[Array, "K P"]  # the scorer's weights


def start_beam(width: int, scorer: Scorer | None) -> PrefixBeam:
    """Return the empty prefix, and ``width - 1`` rows without a prefix."""
    lowest = jnp.full(width, LOWEST)
    return PrefixBeam(
        blank=lowest.at[0].set(0.0),
        symbol=lowest,
        weight=jnp.zeros(width),
        hash=jnp.zeros((width, 2), jnp.uint32).at[0].set(1),
        parent=jnp.full((width, 2), 2, jnp.uint32),  # the hash of no prefix
        last=jnp.full(width, -1, jnp.int32),
        state=scorer.start((width,)) if scorer else (),
    )


def extend_beam(
    beam: PrefixBeam,
    nats: Float[Array, "V"],
    after_skip: Bool[Array, ""],
    *,
    config: CtcBeamConfig,
    scorer: Scorer | None,
    blank: int,
) -> tuple[PrefixBeam, BeamStep]:
    """Return the best prefixes after one more frame."""
    both = log_add(beam.blank, beam.symbol)
    beam = beam._replace(  # skipped frames are blanks
        blank=jnp.where(after_skip, both, beam.blank),
        symbol=jnp.where(after_skip, LOWEST, beam.symbol),
    )
    stays = _stay(beam, both, nats, blank)
    symbols = _likely_symbols(nats, config.symbols, blank)
    gains = scorer.scores(beam.state)[:, symbols] if scorer else jnp.zeros((1, len(symbols)))
    gains = gains + jnp.asarray(config.length_bonus, jnp.float32)
    extensions = _extend(beam, both, nats, symbols, gains)
    _, chosen = jax.lax.top_k(_ranks(beam, stays, extensions), len(both))
    new, step = _choose(beam, stays, extensions, chosen)
    if scorer:
        advanced = scorer.advance(new.state, jnp.maximum(step.symbols, 0))
        new = new._replace(state=where(step.symbols >= 0, advanced, new.state))
    return new, step


def _stay(beam: PrefixBeam, both: Float[Array, "K"], nats: Float[Array, "V"], blank: int) -> _Stays:
    """Return the prefixes after one more blank, or their last symbol once more or from a parent."""
    is_parent = jnp.all(beam.hash[:, None] == beam.parent[None], axis=-1)
    parent, found = jnp.argmax(is_parent, axis=0), jnp.any(is_parent, axis=0)
    source = jnp.where(beam.last[parent] == beam.last, beam.blank[parent], both[parent])
    symbol = log_add(beam.symbol, jnp.where(found, source, LOWEST))
    return _Stays(
        blank=both + nats[blank],
        symbol=symbol + nats[jnp.maximum(beam.last, 0)],
        parent=jnp.where(found, parent, len(both)).astype(jnp.int32),
    )


def _likely_symbols(nats: Float[Array, "V"], count: int, blank: int) -> Int[Array, "P"]:
    """Return all symbols without the blank, or the most likely ones."""
    others = jnp.array([symbol for symbol in range(len(nats)) if symbol != blank], jnp.int32)
    if not 0 < count < len(others):
        return others
    return others[jax.lax.top_k(nats[others], count)[1]]


def _extend(
    beam: PrefixBeam,
    both: Float[Array, "K"],
    nats: Float[Array, "V"],
    symbols: Int[Array, "P"],
    gains: Float[Array, "#K P"],
) -> _Extensions:
    """Return the extensions; a blank must separate equal symbols."""
    repeats = symbols[None] == beam.last[:, None]
    sources = jnp.where(repeats, beam.blank[:, None], both[:, None])
    extended = sources + nats[symbols][None]
    return _Extensions(symbols, extended, jnp.broadcast_to(gains, extended.shape))


def _ranks(beam: PrefixBeam, stays: _Stays, extensions: _Extensions) -> Float[Array, "N"]:
    """Return the scores of K prefixes and K * P extensions.

    An extension that is one of the prefixes comes after rows without a prefix, so that it is never
    chosen.
    """
    place = jnp.argmax(extensions.symbols[None] == beam.last[:, None], axis=1)
    listed = extensions.symbols[place] == beam.last
    parent = jnp.where(listed, stays.parent, len(beam.last))
    ranks = beam.weight[:, None] + extensions.nats + extensions.gains
    ranks = ranks.at[parent, place].set(2.0 * LOWEST, mode="drop")
    stay_ranks = beam.weight + log_add(stays.blank, stays.symbol)
    return jnp.concatenate([stay_ranks, ranks.reshape(-1)])


def _choose(
    beam: PrefixBeam, stays: _Stays, extensions: _Extensions, chosen: Int[Array, "K"]
) -> tuple[PrefixBeam, BeamStep]:
    """Return the chosen ones of K prefixes and K * P extensions, with their scorer's old state."""
    (width, count), stay = extensions.nats.shape, chosen < len(beam.last)
    entry = jnp.maximum(chosen - width, 0)
    row = jnp.where(stay, chosen, entry // count)
    symbol = extensions.symbols[entry % count]
    new = PrefixBeam(
        blank=jnp.where(stay, stays.blank[row], LOWEST),
        symbol=jnp.where(stay, stays.symbol[row], extensions.nats.reshape(-1)[entry]),
        weight=beam.weight[row] + jnp.where(stay, 0.0, extensions.gains.reshape(-1)[entry]),
        hash=where(stay, beam.hash[row], _extend_hash(beam.hash[row], symbol)),
        parent=where(stay, beam.parent[row], beam.hash[row]),
        last=jnp.where(stay, beam.last[row], symbol),
        state=jax.tree.map(lambda leaf: leaf[row], beam.state),
    )
    return new, BeamStep(row, jnp.where(stay, -1, symbol))


def end_beam(beam: PrefixBeam, scorer: Scorer | None) -> Ranking:
    """Rank the prefixes, with the scorer's weight of the end."""
    nats = log_add(beam.blank, beam.symbol)
    scores = nats + beam.weight + (scorer.end(beam.state) if scorer else 0.0)
    scores, rows = jax.lax.top_k(scores, len(scores))
    return Ranking(rows, scores, nats[rows])


def _extend_hash(prefix: Num[Array, "K 2"], symbol: Int[Array, "K"]) -> Num[Array, "K 2"]:
    """Return two independent hashes of 32 bits of the longer prefix."""
    multipliers = jnp.array([[0x7FEB352D, 0x2C1B3C6D]], jnp.uint32)
    mixed = (prefix ^ (symbol + 3).astype(jnp.uint32)[:, None]) * multipliers
    mixed = (mixed ^ (mixed >> 15)) * jnp.array([[0x846CA68B, 0x297A2D39]], jnp.uint32)
    return mixed ^ (mixed >> 16)

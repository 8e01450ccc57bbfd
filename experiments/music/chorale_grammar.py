"""Generated four-part music whose entropy in nats per frame is known exactly.

A piece is a Markov chain. Its state is a chord with its voicing (four pitches), in a key that is
drawn once per piece. With x_t the pitches of frame t and c(x) their chord,

    P(x_1)           = P(key) P(x_1 | key)                      the complete tonic in root position
    P(x_t | x_{t-1}) = A_t(c(x_t) | c(x_{t-1})) K(x_t | x_{t-1}, c(x_t))

``A_t`` depends on the position of the frame in its phrase of eight: a phrase opens, moves, and
ends with a dominant and a cadence. ``K`` prefers small steps,

    K(y | x, c)  proportional to  exp(-W sum_v |y_v - x_v| - I [y is an inversion])

over the voicings y of the chord c that the rules of voice leading permit after x: no parallel
fifths or octaves, no large leaps, a leading tone that rises, a seventh that falls. Voicings
without a successor are removed. Chords that cannot be reached from x are removed from A_t, which is
normalized again.

The four voices never cross, and the chords of a key have different pitch classes. A set of notes
therefore determines the state, and the first frame, which is the tonic in root position,
determines the key. Nothing is hidden from a model that reads the piano roll, so the entropy is

    H = H(x_1) + sum_{t > 1} sum_x p_t(x) H(P(. | x_{t-1} = x)),    p_{t+1} = p_t P_{t+1}

which is a finite sum. The length of a piece is not part of the process.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.music.voice_leading import FIFTH, parallels
from seqmodels.data.music.rolls import OCTAVE, Chorale

PHRASE = 8  # frames per phrase: two bars of four quarter notes
PHRASES = (3, 4, 5, 6)  # the lengths of pieces, in turn
RANGES = ((60, 79), (55, 72), (48, 67), (41, 60))  # soprano, alto, tenor, bass
WIDEST = (OCTAVE, OCTAVE, 19)  # between neighboring voices
LARGEST_LEAPS = np.array([5, 5, 5, OCTAVE])
STEP_WEIGHTS = np.array([0.5, 0.5, 0.5, 0.15])
INVERSION_WEIGHT = 1.0
LEADING_TONE = 11
FOURTH_DEGREE = 5

# Root first, then third, fifth and seventh, as semitones above the tonic.
MAJOR = ((0, 4, 7), (2, 5, 9), (5, 9, 0), (7, 11, 2), (7, 11, 2, 5), (9, 0, 4))
MINOR = ((0, 3, 7), (2, 5, 8), (5, 8, 0), (7, 11, 2), (7, 11, 2, 5), (8, 0, 3))
CHORD_NAMES = ("I", "ii", "IV", "V", "V7", "vi")
DOMINANTS = (3, 4)
SEVENTH_CHORD = 4

INTERIOR = (
    (0.10, 0.20, 0.25, 0.20, 0.05, 0.20),
    (0.00, 0.10, 0.00, 0.50, 0.40, 0.00),
    (0.20, 0.25, 0.10, 0.30, 0.15, 0.00),
    (0.50, 0.00, 0.00, 0.15, 0.20, 0.15),
    (0.75, 0.00, 0.00, 0.00, 0.00, 0.25),
    (0.00, 0.35, 0.40, 0.25, 0.00, 0.00),
)
NOWHERE = (0.0,) * 6  # rows of chords that cannot come before such a position
OPENING = ((0.60, 0.00, 0.15, 0.10, 0.00, 0.15), *(NOWHERE,) * 4, (0.60, 0.00, 0.40, 0, 0, 0))
DOMINANT = ((0.00, 0.00, 0.00, 0.40, 0.60, 0.00),) * 6
CADENCE = (*(NOWHERE,) * 3, *((0.85, 0.00, 0.00, 0.00, 0.00, 0.15),) * 2, NOWHERE)
POSITIONS = (OPENING, *(INTERIOR,) * (PHRASE - 3), DOMINANT, CADENCE)


class Tonality(NamedTuple):
    """A key: the pitch class of its tonic, and its mode."""

    tonic: int
    is_minor: bool

    @property
    def chords(self) -> tuple[tuple[int, ...], ...]:
        """Pitch classes of the chords, root first."""
        degrees = MINOR if self.is_minor else MAJOR
        return tuple(tuple((self.tonic + n) % OCTAVE for n in chord) for chord in degrees)


TONALITIES = tuple(Tonality(tonic, minor) for minor in (False, True) for tonic in range(OCTAVE))


class Chain(NamedTuple):
    """The Markov chain of one key.

    pitches:     the states
    chords:      the chord of each state
    start:       distribution of the first frame
    transitions: at each position of a phrase, the distribution given the state before
    """

    pitches: Int[np.ndarray, "N 4"]
    chords: Int[np.ndarray, "N"]
    start: Float[np.ndarray, "N"]
    transitions: list[Float[np.ndarray, "N N"]]


def voicings(chord: tuple[int, ...]) -> Int[np.ndarray, "N 4"]:
    """Return the permitted ways to spread a chord over the voices.

    The bass has the root or the third. A triad has its root doubled, or its fifth if the bass has
    the third. In root position it may also have its root three times and no fifth.
    """
    root, third, fifth = chord[:3]
    lines = [[p for p in range(low, high + 1) if p % OCTAVE in chord] for low, high in RANGES]
    lines[3] = [pitch for pitch in lines[3] if pitch % OCTAVE in (root, third)]
    pitches = np.array(list(product(*lines)))
    gaps = pitches[:, :-1] - pitches[:, 1:]
    classes = np.sort(pitches % OCTAVE, axis=1)
    bass = pitches[:, 3] % OCTAVE
    if len(chord) > 3:
        spreads = [(root, chord), (third, chord)]
    else:
        doubled_root, doubled_fifth = (*chord, root), (*chord, fifth)
        spreads = [(root, doubled_root), (root, (root, root, root, third))]
        spreads += [(third, doubled_root), (third, doubled_fifth)]
    permitted = [(bass == low) & (classes == np.sort(all_)).all(1) for low, all_ in spreads]
    gap = (gaps > 0).all(axis=1) & (gaps <= WIDEST).all(axis=1)
    return pitches[np.any(permitted, axis=0) & gap]


@cache
def make_chain(tonality: Tonality) -> Chain:
    """Build the Markov chain of a key."""
    groups = [voicings(chord) for chord in tonality.chords]
    pitches = np.concatenate(groups)
    chords = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    bass_is_root = pitches[:, 3] % OCTAVE == np.array([c[0] for c in tonality.chords])[chords]
    weights = _voicing_weights(tonality, pitches, chords, ~bass_is_root)
    alive = _alive(weights, chords)
    pitches, chords, weights = pitches[alive], chords[alive], weights[np.ix_(alive, alive)]
    tonic_fifth = tonality.chords[0][2]
    start = (chords == 0) & bass_is_root[alive] & (pitches % OCTAVE == tonic_fifth).any(axis=1)
    transitions = [_transition(weights, chords, np.array(table)) for table in POSITIONS]
    return Chain(pitches, chords, start / start.sum(), transitions)


def _chord_members(chords: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N C"]:
    return np.eye(len(CHORD_NAMES))[chords]


def _alive(
    weights: Float[np.ndarray, "N N"], chords: Int[np.ndarray, "N"]
) -> Bool[np.ndarray, "N"]:
    """Return the states that have a successor, which has one too, at every position."""
    alive = np.ones(len(chords), bool)
    while True:
        reach = (weights * alive) @ _chord_members(chords) > 0
        tables = [np.array(table)[chords] for table in POSITIONS]
        moves = [(table * reach).any(axis=1) | ~table.any(axis=1) for table in tables]
        still = alive & np.all(moves, axis=0)
        if (still == alive).all():
            return alive
        alive = still


def _transition(
    weights: Float[np.ndarray, "N N"],
    chords: Int[np.ndarray, "N"],
    table: Float[np.ndarray, "C C"],
) -> Float[np.ndarray, "N N"]:
    """Return P(y | x) = A(c(y) | c(x)) K(y | x, c(y)); rows of chords that never precede are 0."""
    sums = weights @ _chord_members(chords)
    chord_weights = table[chords] * (sums > 0)
    totals = chord_weights.sum(axis=1, keepdims=True)
    scale = np.divide(chord_weights, totals * sums, np.zeros_like(sums), where=totals * sums > 0)
    return weights * scale[:, chords]


def _voicing_weights(
    tonality: Tonality,
    pitches: Int[np.ndarray, "N 4"],
    chords: Int[np.ndarray, "N"],
    inverted: Bool[np.ndarray, "N"],
) -> Float[np.ndarray, "N N"]:
    """Return K(y | x, c(y)) before it is normalized over the voicings of a chord."""
    moves = pitches[None] - pitches[:, None]
    costs = np.abs(moves) @ STEP_WEIGHTS + INVERSION_WEIGHT * inverted
    legal = (np.abs(moves) <= LARGEST_LEAPS).all(axis=2)
    for interval in (FIFTH, OCTAVE):
        legal &= ~parallels(pitches[:, None], pitches[None], interval).any(axis=2)
    legal &= _resolves(tonality, pitches, chords, moves)
    return np.where(legal, np.exp(-costs), 0.0)


def _resolves(
    tonality: Tonality,
    pitches: Int[np.ndarray, "N 4"],
    chords: Int[np.ndarray, "N"],
    moves: Int[np.ndarray, "N N 4"],
) -> Bool[np.ndarray, "N N"]:
    """Return where a leading tone rises by a semitone and a seventh falls by a step.

    This holds for what follows a dominant, unless it is a dominant again.
    """
    degrees = (pitches - tonality.tonic) % OCTAVE
    is_leading = degrees == LEADING_TONE
    is_seventh = (degrees == FOURTH_DEGREE) & (chords == SEVENTH_CHORD)[:, None]
    rises = (moves == 1) | ~is_leading[:, None]
    falls = ((moves == -1) | (moves == -2)) | ~is_seventh[:, None]
    is_dominant = np.isin(chords, DOMINANTS)
    exempt = ~is_dominant[:, None] | is_dominant[None]
    return exempt | (rises & falls).all(axis=2)


def _entropies(p: Float[np.ndarray, "B N"]) -> Float[np.ndarray, "B"]:
    return -np.sum(p * np.log(p, out=np.zeros_like(p), where=p > 0), axis=-1)


@cache
def frame_entropies(phrases: int) -> Float[np.ndarray, "T"]:
    """Return H(x_t | x_1 ... x_{t-1}) in nats for each frame of a piece of this many phrases."""
    total = np.zeros(phrases * PHRASE)
    total[0] = np.log(len(TONALITIES))
    for tonality in TONALITIES:
        chain = make_chain(tonality)
        uncertainty = [_entropies(transition) for transition in chain.transitions]
        state = chain.start
        total[0] += _entropies(state[None])[0] / len(TONALITIES)
        for time in range(1, len(total)):
            total[time] += state @ uncertainty[time % PHRASE] / len(TONALITIES)
            state = state @ chain.transitions[time % PHRASE]
    return total


def nats_per_frame(phrases: Sequence[int] = PHRASES) -> float:
    """Return the entropy per frame of pieces with these numbers of phrases, pooled over frames."""
    entropies = [frame_entropies(count) for count in phrases]
    return float(np.concatenate(entropies).mean())


def piece_nats(pitches: Int[np.ndarray, "T 4"]) -> Float[np.ndarray, "T"]:
    """Return -log P(x_t | x_1 ... x_{t-1}) of each frame; infinite where a rule is broken."""
    chains = [make_chain(tonality) for tonality in TONALITIES]
    starts = [(chain, _find_state(chain, pitches[0])) for chain in chains]
    chain, state = next(((c, s) for c, s in starts if s >= 0 and c.start[s] > 0), (chains[0], -1))
    nats = np.full(len(pitches), np.inf)
    if state >= 0:
        nats[0] = np.log(len(TONALITIES)) - np.log(chain.start[state])
    for time in range(1, len(pitches)):
        before, state = state, _find_state(chain, pitches[time])
        if before >= 0 and state >= 0:
            probability = chain.transitions[time % PHRASE][before, state]
            nats[time] = -np.log(probability) if probability > 0 else np.inf
    return nats


def _find_state(chain: Chain, pitches: Int[np.ndarray, "4"]) -> int:
    found = np.flatnonzero((chain.pitches == pitches).all(axis=1))
    return int(found[0]) if len(found) else -1


def draw_chorale(random: np.random.Generator, phrases: int, name: str = "") -> Chorale:
    """Draw a piece of this many phrases."""
    chain = make_chain(TONALITIES[random.integers(len(TONALITIES))])
    states = [_draw(random, chain.start)]
    for time in range(1, phrases * PHRASE):
        states.append(_draw(random, chain.transitions[time % PHRASE][states[-1]]))
    return Chorale(chain.pitches[states].astype(np.int32), name)


def _draw(random: np.random.Generator, p: Float[np.ndarray, "N"]) -> int:
    return min(int(np.searchsorted(np.cumsum(p), random.random(), side="right")), len(p) - 1)


def generate_chorales(count: int, seed: int = 0) -> list[Chorale]:
    """Generate pieces with 3, 4, 5 and 6 phrases in turn; piece i is the same for every count."""
    return [
        draw_chorale(
            np.random.default_rng([seed, number]),
            PHRASES[number % len(PHRASES)],
            f"generated {seed}-{number}",
        )
        for number in range(count)
    ]


def generate_splits(train: int, dev: int, test: int, seed: int = 0) -> dict[str, list[Chorale]]:
    """Generate independent pieces for each split."""
    counts = {"train": train, "dev": dev, "test": test}
    return {
        name: generate_chorales(count, seed * len(counts) + number)
        for number, (name, count) in enumerate(counts.items())
    }

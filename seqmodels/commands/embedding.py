"""The ``embedding`` command: neighbours of words, a map of the frequent ones, and a vector file."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from numpy import ndarray

from seqmodels.data.text.vectors import write_vectors
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.diagnostics.plots.word_map import draw_embedding, nearest
from seqmodels.errors import UserError


@dataclass(frozen=True)
class EmbeddingArguments:
    """What to show of the vectors that stand for words."""

    near: tuple[str, ...] = ()
    """Words whose nearest neighbours to list."""

    count: int = 10
    """Neighbours of each."""

    shown: int = 200
    """Most frequent words to draw."""

    export: str | None = None
    """File to write all vectors to, in word2vec's text format."""


def show_embedding(
    vectors: Float[ndarray, "V D"],
    vocabulary: Vocabulary,
    arguments: EmbeddingArguments,
    picture: Path,
) -> None:
    """List neighbours, draw the most frequent words, write all vectors down."""
    if unseen := vocabulary.unknown(arguments.near):
        raise UserError(f"--near: the model never saw {', '.join(map(repr, unseen))}")
    for word in arguments.near:
        found = nearest(vectors, vocabulary.index[word], arguments.count)
        print(f"{word:<15} " + "  ".join(f"{vocabulary.symbols[w]} {c:.2f}" for w, c in found))
    shown = vocabulary.symbols[: arguments.shown]
    draw_embedding(vectors[: len(shown)], shown, picture)
    print(f"drawn           {picture}")
    if arguments.export:
        write_vectors(arguments.export, vocabulary.symbols, vectors)
        print(f"written         {arguments.export}")

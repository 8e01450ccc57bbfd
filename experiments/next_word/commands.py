"""The commands ``complete``, ``adapt`` and ``embedding``."""

from dataclasses import dataclass
from math import exp

from tyro.conf import Positional

from seqmodels.cli import Run
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class CompleteArguments:
    """What to continue, and how."""

    text: Positional[str]
    """Beginning of a line."""

    words: int = 0
    """Words to generate; 0 lists the most likely next words instead."""

    count: int = 5
    """Number of words to list."""

    temperature: float = 0.7
    """Softmax temperature; 0 always takes the most likely word."""

    seed: int = 0
    """Seed of the sampling."""


def complete(run: Run, arguments: CompleteArguments) -> None:
    """List the most likely next words with their probabilities, or continue a text."""
    from experiments.next_word.corpus import EOS, TOKENIZERS
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.models.language.generation import generate, most_likely

    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    text = [EOS, *TOKENIZERS[run.metadata["tokens"]](arguments.text)]
    text = text[:-1] if text[-1] == EOS and len(text) > 1 else text
    if unknown := vocabulary.unknown(text):
        print(f"not in the vocabulary: {' '.join(unknown)}")
    prime = vocabulary.encode(text)
    if not arguments.words:
        for word, probability in most_likely(run.model, run.params, prime, arguments.count):
            print(f"{probability:6.1%}  {vocabulary.symbols[word]}")
        return
    pieces = generate(
        run.model,
        run.params,
        prime,
        arguments.words,
        temperature=arguments.temperature,
        seed=arguments.seed,
    )
    words = [word for piece in pieces for word in vocabulary.decode(piece[:, 0])]
    print(" ".join([*text[1:], *words]).replace(EOS, "\n"))


@dataclass(frozen=True)
class AdaptArguments:
    """Hyperparameters of cache and dynamic evaluation; of several values, the best on dev."""

    length: int = 20
    """Words in a window, after each of which dynamic evaluation takes a gradient step."""

    cache: int = 500
    """Number of words in the cache."""

    cache_weight: tuple[float, ...] = (0.05, 0.1, 0.2)
    """Weight of the cache in the mixture with the model."""

    cache_focus: tuple[float, ...] = (0.1, 0.3, 1.0)
    """Preference of the cache for similar hidden states; 0 weights all of them equally."""

    dynamic_rate: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
    """Learning rate of dynamic evaluation."""

    dynamic_decay: tuple[float, ...] = (0.0, 0.003)
    """Decay towards the trained parameters, per window."""

    squares: int = 200
    """Training batches over which squared gradients are averaged."""

    def __post_init__(self) -> None:
        check_at_least_one(self, "length", "cache", "squares")
        if not all(0 < weight < 1 for weight in self.cache_weight):
            raise UserError("--cache-weight must be above 0 and below 1")


def adapt(run: Run, arguments: AdaptArguments) -> None:
    """Print perplexities with a cache and with dynamic evaluation, in one stream."""
    from experiments.next_word.adaptation import adaptations, compare_adaptations
    from experiments.next_word.experiment import encode
    from seqmodels.data.streams import evaluation_windows
    from seqmodels.models.language.dynamic_evaluation import gradient_squares

    texts, _ = encode(run.config, run.metadata)
    held_out = [evaluation_windows(part, 1, arguments.length) for part in texts[1:] if len(part)]
    squares = gradient_squares(run.task, run.params, {}, run.data().train, arguments.squares)
    ways = adaptations(run.task, run.model, squares, arguments.cache)
    print("perplexity  dev" + "      test" * (len(held_out) - 1))
    grid = {name: value for name, value in vars(arguments).items() if isinstance(value, tuple)}
    for name, rates, nats in compare_adaptations(ways, run.params, grid, held_out):
        values = "  ".join(f"{key} {value:g}" for key, value in rates.items())
        print(f"{name:<10}" + "".join(f"{exp(each):9.2f}" for each in nats) + f"   {values}")


@dataclass(frozen=True)
class EmbeddingArguments:
    """What to list, draw and write."""

    near: tuple[str, ...] = ()
    """Words whose nearest neighbors to list."""

    count: int = 10
    """Number of neighbors."""

    words: int = 200
    """Number of most frequent words to draw."""

    export: str | None = None
    """File to write all vectors to, in word2vec's text format."""


def embedding(run: Run, arguments: EmbeddingArguments) -> None:
    """List the nearest neighbors of words, draw the embedding in two dimensions, export it."""
    import numpy as np

    from seqmodels.commands.output import print_field, print_picture
    from seqmodels.data.text.vectors import write_vectors
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.diagnostics.plots.word_map import draw_word_map, nearest_words

    if not run.params["embedding"]:
        raise UserError(f"{run.path} has no embedding; train a model with --embedding 1 or more")
    vectors = np.asarray(run.params["embedding"]["embedding"])
    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    if unknown := vocabulary.unknown(arguments.near):
        raise UserError(f"--near: not in the vocabulary: {', '.join(map(repr, unknown))}")
    for word in arguments.near:
        neighbors = nearest_words(vectors, vocabulary.index[word], arguments.count)
        listed = "  ".join(f"{vocabulary.symbols[w]} {cosine:.2f}" for w, cosine in neighbors)
        print_field(word, listed)
    frequent = vocabulary.symbols[: arguments.words]
    picture = run.path / "embedding.png"
    draw_word_map(vectors[: len(frequent)], frequent, picture)
    print_picture(picture)
    if arguments.export:
        write_vectors(arguments.export, vocabulary.symbols, vectors)
        print_field("vectors", arguments.export)

"""The commands ``sample`` and ``inspect``."""

from dataclasses import dataclass

from seqmodels.cli import Run
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class SampleArguments:
    """What to generate."""

    prime: str = "\n"
    """Text to continue."""

    length: int = 500
    """Characters to generate."""

    temperature: float = 0.7
    """Softmax temperature; 0 always takes the most likely character."""

    top_k: int = 0
    """Sample from this many of the most likely characters; 0 samples from all."""

    top_p: float = 1.0
    """Sample from the smallest set of characters with this much probability."""

    count: int = 1
    """Number of samples, generated as one batch."""

    seed: int = 0
    """Seed of the sampling."""

    def __post_init__(self) -> None:
        if not self.prime:
            raise UserError("--prime is empty; give at least one character")
        check_at_least_one(self, "length", "count")
        if not (self.temperature >= 0 and self.top_k >= 0):
            raise UserError("--temperature and --top-k must not be negative")
        if not 0 < self.top_p <= 1:
            raise UserError("--top-p must be above 0 and at most 1")


def sample(run: Run, arguments: SampleArguments) -> None:
    """Generate text after a prime; print the first sample while it is generated."""
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.models.language.generation import generate

    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    if unknown := vocabulary.unknown(arguments.prime):
        raise UserError(f"--prime: not in the vocabulary: {', '.join(map(repr, unknown))}")
    prime, texts = vocabulary.encode(arguments.prime), [arguments.prime] * arguments.count
    print(texts[0], end="")
    options = {name: value for name, value in vars(arguments).items() if name != "prime"}
    for piece in generate(run.model, run.params, prime, **options):
        pieces = ["".join(vocabulary.decode(tokens)) for tokens in piece.T]
        print(pieces[0], end="", flush=True)
        texts = [text + more for text, more in zip(texts, pieces, strict=True)]
    print("", *texts[1:], sep="\n---\n")


@dataclass(frozen=True)
class InspectArguments:
    """Text to inspect."""

    text: str | None = None
    """File to read; by default the dev text."""

    length: int = 4000
    """Characters to read from the beginning of the text."""

    draw: int = 500
    """Characters to draw, the last of those read."""

    def __post_init__(self) -> None:
        check_at_least_one(self, "length", "draw")


def inspect(run: Run, arguments: InspectArguments) -> None:
    """List and draw the units that track position in the line, quotes and indentation."""
    from experiments.char_generation.experiment import read
    from seqmodels.commands.output import print_picture
    from seqmodels.data.text.documents import read_documents
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.diagnostics.dynamics import activations as look

    text = read_documents(arguments.text)[0].text if arguments.text else read(run.config).dev
    text = text[: arguments.length]
    tokens = Vocabulary.from_dict(run.metadata["vocabulary"]).encode(text)
    start = run.model.start(run.params, ())
    states = look.activations(run.model.step, run.params, start, tokens)
    panels, last = [], slice(-arguments.draw, None)
    for name, feature in look.character_features(text).items():
        best = look.best_trackers(states, feature)
        print(f"{name:<18}" + "   ".join(map(str, best)))
        panels += [(f"{name}: {unit}", states[unit.part][last, unit.unit]) for unit in best[:1]]
    if not panels:
        raise UserError(
            "--text: no feature changes in so short a text; give more, or raise --length"
        )
    picture = run.path / "activations.png"
    look.draw_activations(text[last], panels, picture)
    print_picture(picture)

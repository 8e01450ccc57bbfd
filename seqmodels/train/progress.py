"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seqmodels.train.config import Metric
from seqmodels.train.experiment import ThroughputUnit
from seqmodels.train.records import Record

LINE_EVERY = 10.0  # seconds between plain lines


class ProgressReport:
    """Log for ``fit``: loss, headline metric, throughput, gradient norm; compile time apart."""

    def __init__(
        self,
        steps: int,
        metric: Metric,
        unit: ThroughputUnit,
        start: int = 0,
        console: Console | None = None,
    ):
        self.console = console or Console()
        self.metric, self.unit, self.steps = metric.name, unit, steps
        self.last_line = self.compiled = 0.0
        self.trained: set[str] = set()  # names in records of training
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console)
        self.task = self.bar.add_task("train", total=steps, completed=start, text="compiling")

    def __enter__(self) -> "ProgressReport":
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def __call__(self, record: Record) -> None:
        if record["split"] == "dev":
            self.line(f"step {record['step']:,}: dev {self.describe_dev(record)}")
            return
        self.trained |= record.keys()
        if record["compile_seconds"] > self.compiled:
            self.compiled = record["compile_seconds"]
            self.line(f"step {record['step']:,}: compiled in {self.compiled:.1f} s in total")
        text = self.describe(record)
        self.bar.update(self.task, completed=record["step"], text=text)
        if not self.console.is_terminal and self.is_line_due(record):
            self.line(f"step {record['step']:,}/{self.steps:,}: {text}")

    def describe_dev(self, record: Record) -> str:
        """Return the headline, and the numbers that only an evaluation has, such as BLEU."""
        only_dev = [name for name in record if name not in self.trained and name != self.metric]
        names = [self.metric, *(name for name in only_dev if isinstance(record[name], float))]
        return "  ".join(f"{name} {record[name]:.4f}" for name in names)

    def describe(self, record: Record) -> str:
        names = dict.fromkeys(name for name in ("loss", self.metric) if name in record)
        parts = [
            *(f"{name} {record[name]:.4f}" for name in names),
            self.throughput(record["steps_per_second"]),
            f"gradient {record['gradient_norm']:.2f}",
            *([f"clipped {record['clipped']:.0%}"] if record["clipped"] else []),
        ]
        return "  ".join(parts)

    def throughput(self, steps_per_second: float) -> str:
        return f"{steps_per_second * self.unit.per_step:,.0f} {self.unit.name}/s"

    def is_line_due(self, record: Record) -> bool:
        now = time.monotonic()
        if now - self.last_line < LINE_EVERY and record["step"] < self.steps:
            return False
        self.last_line = now
        return True

    def line(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


class SweepReport(ProgressReport):
    """Log for ``sweep``: progress of all members together, and the best one."""

    def __init__(
        self, steps: int, members: int, metric: Metric, unit: ThroughputUnit, console=None
    ):
        super().__init__(steps * members, metric, unit, console=console)
        self.each, self.signed = steps, metric.signed
        self.done: dict[int, int] = {}
        self.rates: dict[int, float] = {}
        self.best: tuple[float, int, float] | None = None  # signed value, member, value

    def __call__(self, record: Record) -> None:
        member, split = record["member"], record["split"]
        if split == "dev":
            value = record[self.metric]
            entry = self.signed(value), member, value
            self.best = entry if self.best is None else min(self.best, entry)
        elif split == "train":
            self.done[member], self.rates[member] = record["step"], record["steps_per_second"]
            self.update(record)
        else:
            self.line(f"step {record['step']:,}: member {member} {split}")
            if split != "copied":
                self.done[member], self.rates[member] = self.each, 0.0

    def update(self, record: Record) -> None:
        text = self.throughput(sum(self.rates.values()))
        if self.best:
            text = f"best {self.metric} {self.best[2]:.4f} (member {self.best[1]})  {text}"
        self.bar.update(self.task, completed=sum(self.done.values()), text=text)
        if not self.console.is_terminal and self.is_line_due(record):
            self.line(f"step {record['step']:,}/{self.each:,}: {text}")


def device_line() -> str:
    """Return the kind and number of devices."""
    import jax

    count = jax.device_count()
    kind = jax.devices()[0].device_kind
    return f"{jax.default_backend()} ({kind}{f' x {count}' if count > 1 else ''})"

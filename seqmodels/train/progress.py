"""What a person sees of a run: a bar on a terminal, plain lines elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seqmodels.train.config import Metric

Record = dict[str, Any]
LINE_EVERY = 10.0  # seconds between plain lines


class Report:
    """A log for ``fit``: loss, headline metric, throughput, gradient norm; compile time apart."""

    def __init__(self, steps: int, metric: Metric, unit: str, start: int = 0, console=None):
        self.console = console or Console()
        self.metric, self.unit, self.steps = metric.name, unit, steps
        self.dev = self.said = self.compiled = 0.0
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console)
        self.task = self.bar.add_task("train", total=steps, completed=start, text="compiling")

    def __enter__(self) -> "Report":
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def __call__(self, record: Record) -> None:
        if record["split"] == "dev":
            self.line(f"step {record['step']:,}: dev {self.metric} {record[self.metric]:.4f}")
            return
        if record["compile_seconds"] > self.compiled:
            self.compiled = record["compile_seconds"]
            self.line(f"step {record['step']:,}: compiled, {self.compiled:.1f} s in all")
        text = self.describe(record)
        self.bar.update(self.task, completed=record["step"], text=text)
        if not self.console.is_terminal and self.is_time(record):
            self.line(f"step {record['step']:,}/{self.steps:,}: {text}")

    def describe(self, record: Record) -> str:
        headline = record.get(self.metric, record["loss"])
        parts = [] if self.metric == "loss" else [f"loss {record['loss']:.4f}"]
        parts += [
            f"{self.metric} {headline:.4f}",
            f"{record['per_second']:,.0f} {self.unit}/s",
            f"gradient {record['gradient_norm']:.2f}",
        ]
        return "  ".join(parts)

    def is_time(self, record: Record) -> bool:
        now = time.monotonic()
        if now - self.said < LINE_EVERY and record["step"] < self.steps:
            return False
        self.said = now
        return True

    def line(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


class SweepReport(Report):
    """A log for ``sweep``: how far all members are together, and which is best."""

    def __init__(self, steps: int, members: int, metric: Metric, unit: str, console=None):
        super().__init__(steps * members, metric, unit, console=console)
        self.each, self.signed = steps, metric.signed
        self.done: dict[int, int] = {}
        self.rates: dict[int, float] = {}
        self.best: tuple[float, int, float] | None = None  # its sign turned, the member, the value

    def __call__(self, record: Record) -> None:
        member, split = record["member"], record["split"]
        if split == "dev":
            value = record[self.metric]
            found = self.signed(value), member, value
            self.best = found if self.best is None else min(self.best, found)
        elif split == "train":
            self.done[member], self.rates[member] = record["step"], record["per_second"]
            self.show(record)
        else:
            self.line(f"step {record['step']:,}: member {member} {split}")
            if split != "copied":
                self.done[member], self.rates[member] = self.each, 0.0

    def show(self, record: Record) -> None:
        text = f"{sum(self.rates.values()):,.0f} {self.unit}/s"
        if self.best:
            text = f"best {self.metric} {self.best[2]:.4f} (member {self.best[1]})  {text}"
        self.bar.update(self.task, completed=sum(self.done.values()), text=text)
        if not self.console.is_terminal and self.is_time(record):
            self.line(f"step {record['step']:,}/{self.each:,}: {text}")


def device_line() -> str:
    """Kind and number of the devices that will be used."""
    import jax

    count = jax.device_count()
    kind = jax.devices()[0].device_kind
    return f"{jax.default_backend()} ({kind}{f' x {count}' if count > 1 else ''})"

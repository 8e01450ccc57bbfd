"""PyTorch, eager: packed sequences where lengths differ, fused AdamW, clipping by global norm."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.systems import (
    CLASSES,
    END,
    PAD,
    START,
    SYMBOLS,
    WIDTH,
    System,
    labels,
    sequences,
    targets,
)

Call = Callable[[], Any]
LAYERS: dict[str, Any] = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
CHARACTER = 64  # features, the default of the experiment
DROPOUT, SMOOTHING = 0.1, 0.1


def training(
    model: torch.nn.Module, loss: Callable[..., torch.Tensor], batches: Sequence[Any]
) -> Call:
    """Return a call that loops over the batches."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # as many threads as XLA uses
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=True)

    def call() -> None:
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(*batch).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return call


def to_long(array: np.ndarray) -> torch.Tensor:
    """Convert integers to int64, which PyTorch needs for indexing."""
    return torch.from_numpy(np.array(array, np.int64))


class Characters(torch.nn.Module):
    """Character model: embedding, recurrent layers, readout."""

    def __init__(self, system: System):
        super().__init__()
        count = SYMBOLS["char"]
        self.embedding = torch.nn.Embedding(count, CHARACTER)
        self.layers = LAYERS[system.cell](CHARACTER, system.hidden, system.layers)
        self.readout = torch.nn.Linear(system.hidden, count)

    def forward(self, tokens: torch.Tensor, carry: Any) -> tuple[torch.Tensor, Any]:
        ys, carry = self.layers(self.embedding(tokens), carry)
        return self.readout(ys), carry


def char(system: System) -> Call:
    """Train on windows of text with carried state, without dropout."""
    model, carry = Characters(system), None

    def loss(window: torch.Tensor) -> torch.Tensor:
        nonlocal carry
        logits, new = model(window[:-1], carry)
        carry = tuple(a.detach() for a in new) if isinstance(new, tuple) else new.detach()
        return functional.cross_entropy(logits.flatten(0, 1), window[1:].flatten())

    return training(model, loss, [(one,) for one in to_long(sequences(system, 0, 1).tokens)])


class Classifier(torch.nn.Module):
    """Text classifier: embedding, bidirectional layers, mean over valid steps, readout."""

    def __init__(self, system: System):
        super().__init__()
        size = system.hidden
        self.embedding = torch.nn.Embedding(SYMBOLS["classifier"], size)
        self.layers = LAYERS[system.cell](size, size, bidirectional=True)
        self.readout = torch.nn.Linear(2 * size, CLASSES)
        self.dropout = torch.nn.Dropout(DROPOUT)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        xs = self.dropout(self.embedding(tokens))
        packed, _ = self.layers(pack_padded_sequence(xs, lengths))
        ys, _ = pad_packed_sequence(packed)  # zero in the padding
        return self.readout(self.dropout(ys.sum(0) / lengths[:, None]))


def classifier(system: System) -> Call:
    """Train on packed texts."""
    model, found = Classifier(system), sequences(system, 0)

    def loss(tokens: torch.Tensor, lengths: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(tokens, lengths), label)

    arrays = found.tokens, found.lengths, labels(system)
    return training(model, loss, list(zip(*map(to_long, arrays), strict=True)))


class AttentionMemory:
    """Encoded source that the decoder attends to, batch first."""

    def __init__(self, values: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor):
        self.values, self.keys, self.mask = values, keys, mask


class Translator(torch.nn.Module):
    """Bidirectional GRU encoder, additive attention, GRU decoder, tied embedding and readout.

    Without feeding, the decoder's recurrence does not depend on the attention, so one ``nn.GRU``
    call runs all its steps.  A query is ``[B, Q, H]``, where Q counts steps, or beams of a
    sentence.
    """

    def __init__(self, system: System, stepwise: bool):
        super().__init__()
        size, count, linear = system.hidden, SYMBOLS[system.system], torch.nn.Linear
        self.feeding, self.stepwise = system.feeding, stepwise or system.feeding
        self.source, self.target = (torch.nn.Embedding(count, size) for _ in range(2))
        self.encoder = torch.nn.GRU(size, size, bidirectional=True)
        kind: Any = torch.nn.GRUCell if self.stepwise else torch.nn.GRU
        self.decoder = kind(2 * size if system.feeding else size, size)
        self.bridge, self.keys = linear(2 * size, size), linear(2 * size, size)
        self.query, self.score = linear(size, size, bias=False), linear(size, 1, bias=False)
        self.combine = linear(3 * size, size)
        self.bias = torch.nn.Parameter(torch.zeros(count))
        self.dropout = torch.nn.Dropout(DROPOUT)

    def encode(
        self, tokens: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[AttentionMemory, torch.Tensor]:
        xs = self.dropout(self.source(tokens))
        packed, ends = self.encoder(pack_padded_sequence(xs, lengths))
        ys, _ = pad_packed_sequence(packed, batch_first=True)
        begin = torch.tanh(self.bridge(torch.cat([ends[0], ends[1]], dim=-1)))
        mask = torch.arange(ys.shape[1]) < lengths[:, None]
        ys = self.dropout(ys)
        return AttentionMemory(ys, self.keys(ys), mask), begin

    def attend(self, memory: AttentionMemory, query: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.query(query)[:, :, None] + memory.keys[:, None])
        scores = self.score(hidden).squeeze(-1)
        scores = scores.masked_fill(~memory.mask[:, None], float("-inf"))
        context = torch.bmm(scores.softmax(-1), memory.values)
        return torch.tanh(self.combine(torch.cat([query, context], dim=-1)))

    def logits(self, ys: torch.Tensor) -> torch.Tensor:
        return functional.linear(ys, self.target.weight, self.bias)

    def forward(
        self, source: torch.Tensor, lengths: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        memory, hidden = self.encode(source, lengths)
        xs = self.dropout(self.target(target))
        if not self.stepwise:
            hs, _ = self.decoder(xs, hidden[None])
            ys = self.attend(memory, hs.transpose(0, 1))
            return self.logits(self.dropout(ys)).transpose(0, 1)
        fed, outputs = torch.zeros_like(hidden), []
        for x in xs:
            hidden = self.decoder(torch.cat([x, fed], dim=-1) if self.feeding else x, hidden)
            fed = self.attend(memory, hidden[:, None])[:, 0]
            outputs.append(fed)
        return self.logits(self.dropout(torch.stack(outputs)))


def translation(system: System) -> Call:
    """Train on packed sources with teacher forcing."""
    model = Translator(system, stepwise=False)

    def loss(source: torch.Tensor, lengths: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        logits = model(source, lengths, target[:-1]).flatten(0, 1)
        return functional.cross_entropy(
            logits, target[1:].flatten(), ignore_index=PAD, label_smoothing=SMOOTHING
        )

    source = sequences(system, 0)
    arrays = source.tokens, source.lengths, targets(system).tokens
    return training(model, loss, list(zip(*map(to_long, arrays), strict=True)))


def beam(system: System) -> Call:
    """Encode a batch and search; hypotheses never end."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model, source = Translator(system, stepwise=True).eval(), sequences(system, 0)
    torch.nn.init.normal_(model.target.weight, std=0.1)
    with torch.no_grad():
        model.bias[END] = -1e9
    tokens, lengths = to_long(source.tokens[0]), to_long(source.lengths[0])
    return lambda: search(model, tokens, lengths, system.length)


@torch.inference_mode()
def search(
    model: Translator, source: torch.Tensor, lengths: torch.Tensor, limit: int
) -> torch.Tensor:
    """Return the ``WIDTH`` best targets of each source, ranked as in Wu et al. (2016), alpha 1."""
    memory, hidden = model.encode(source, lengths)
    batch, count = len(lengths), len(model.bias)
    hidden = hidden.repeat_interleave(WIDTH, dim=0)
    rows = torch.arange(batch)[:, None] * WIDTH
    tokens = torch.full((batch, WIDTH, limit), END)
    last = torch.full((batch, WIDTH), START)
    nats = torch.full((batch, WIDTH), float("-inf"))
    nats[:, 0] = 0.0
    steps, over = torch.zeros(batch, WIDTH), torch.zeros(batch, WIDTH, dtype=torch.bool)
    stay = torch.full((count,), float("-inf"))
    stay[END] = 0.0
    for place in range(limit):
        hidden = model.decoder(model.target(last.flatten()), hidden)
        ys = model.attend(memory, hidden.view(batch, WIDTH, -1))
        found = functional.log_softmax(model.logits(ys), dim=-1)
        found = torch.where(over[..., None], stay, found) + nats[..., None]
        steps = steps + ~over
        scores = found / ((5.0 + steps) / 6.0)[..., None]
        _, chosen = scores.flatten(1).topk(WIDTH)
        row, last = chosen // count, chosen % count
        nats = found.flatten(1).gather(1, chosen)
        hidden = hidden[(rows + row).flatten()]
        tokens = tokens.gather(1, row[..., None].expand_as(tokens))
        tokens[..., place] = last
        steps, over = steps.gather(1, row), over.gather(1, row) | (last == END)
        if over.all():
            break
    return tokens


MAKERS = {"char": char, "classifier": classifier, "translation": translation, "beam": beam}

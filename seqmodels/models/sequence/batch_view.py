"""Windows of streams and batches of examples, in one format."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Shaped

from seqmodels.data.batching import Batch
from seqmodels.data.packing import PackedBatch
from seqmodels.data.ragged import Padded
from seqmodels.engines.problem import where
from seqmodels.errors import UserError
from seqmodels.models.encoder import time_first
from seqmodels.types import Array, Bool, Float, Int


class SequenceView(NamedTuple):
    """A batch of sequences, time first.

    targets: with H horizons ``[T, B, H, ...]``
    weight:  weight of each target, ``[T, B]`` or ``[T, B, H]``; 0 where it does not count
    resets:  True where the carry is reset. None if the sequences are complete, so that each begins
             with the initial carry.
    mask:    False for padding, or None
    rows:    index of each example in its split, or None
    """

    inputs: Float[Array, "T B D"]
    targets: Shaped[Array, "T B *D"]
    weight: Float[Array, "T B *H"]
    resets: Bool[Array, "T B"] | None = None
    mask: Bool[Array, "T B"] | None = None
    rows: Int[Array, "B"] | None = None


def view_sequences(batch: Any) -> SequenceView:
    """Return the view of a window, of packed rows, or of ``data.batching.Batch``.

    Windows are those of ``data.streams`` and ``data.series``.  Of the latter, a target counts if
    all of its values are present.

    A batch, packed or not, has the fields ``x`` and ``y``, and optionally ``weight``: per example
    ``[B]``, per step, or per step and horizon.  Unless the batch is packed, its fields are
    ``Padded``, or arrays ``[B, T, ...]``.
    """
    if isinstance(batch, Batch):
        return _view_examples(batch)
    mask, resets = jnp.asarray(batch.mask), jnp.asarray(batch.resets)
    if isinstance(batch, PackedBatch):
        fields = {name: jnp.asarray(field) for name, field in batch.fields.items()}
        weight = where(mask, fields.get("weight", jnp.ones(mask.shape)), jnp.zeros(mask.shape))
        return SequenceView(fields["x"], fields["y"], jnp.asarray(weight, jnp.float32), resets)
    weight = jnp.asarray(jnp.all(mask, axis=range(3, mask.ndim)), jnp.float32)
    return SequenceView(jnp.asarray(batch.inputs), jnp.asarray(batch.targets), weight, resets)


def _view_examples(batch: Batch) -> SequenceView:
    inputs, mask = time_first(batch.fields["x"])
    targets, answered = time_first(batch.fields["y"])
    steps = inputs.shape[:2]
    if steps != targets.shape[:2]:
        raise UserError(
            f"x has shape {inputs.shape} and y {targets.shape}: each step needs one target"
        )
    weight = _weight(batch.fields.get("weight"), steps)
    for exists in (mask, answered, jnp.broadcast_to(jnp.asarray(batch.weight) > 0.0, steps)):
        weight = where(exists, weight, jnp.zeros_like(weight))
    return SequenceView(inputs, targets, weight, mask=mask, rows=jnp.asarray(batch.rows))


def _weight(field: Any, steps: tuple[int, ...]) -> Float[Array, "T B *H"]:
    """Return the weight of each target from a field of the batch, by default one."""
    if field is None:
        return jnp.ones(steps, jnp.float32)
    if isinstance(field, Padded) or field.ndim > 1:
        return jnp.asarray(time_first(field)[0], jnp.float32)
    return jnp.broadcast_to(jnp.asarray(field, jnp.float32), steps)


def with_horizons(view: SequenceView, horizons: int) -> SequenceView:
    """Return the view with a weight ``[T, B, H]``; check that there is a target per horizon."""
    steps = view.weight.shape[:2]
    if view.targets.shape[:3] != (*steps, horizons):
        raise UserError(
            f"targets have shape {view.targets.shape}; expected [T, B, {horizons}, ...], with one "
            "target per horizon"
        )
    weight = view.weight if view.weight.ndim == 3 else view.weight[..., None]
    return view._replace(weight=jnp.broadcast_to(weight, (*steps, horizons)))


def hide_uncounted(view: SequenceView) -> SequenceView:
    """Replace targets that do not count by zeros.

    In steps without a target that counts, inputs that are not finite become zeros as well.  Other
    inputs there are kept, since the network reads them before its first answer.
    """
    counted = view.weight > 0.0
    readable = jnp.any(counted, axis=range(2, counted.ndim))[..., None] | jnp.isfinite(view.inputs)
    return view._replace(
        inputs=jnp.where(readable, view.inputs, jnp.zeros_like(view.inputs)),
        targets=where(counted, view.targets, jnp.zeros_like(view.targets)),
    )

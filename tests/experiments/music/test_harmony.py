"""Harmonisation of a melody."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.music.draws import Draws
from experiments.music.harmony import harmonise_melodies, harmony_model, harmony_task, harmony_view
from experiments.music.harmony_fields import harmony_fields
from seqmodels.data.music.rolls import SILENT, Chorale
from seqmodels.data.packing import packed_batches
from seqmodels.models.config import RecurrentConfig

METER = 4
MELODIES = [np.array([72, 74, SILENT, 76, 77, 72, 71]), np.array([76, 76, 78])]


def test_the_melody_is_kept_and_the_nats_are_those_of_the_task():
    model = harmony_model(RecurrentConfig(cell="gru", hidden=4), 3, METER, {})
    params = jax.tree.map(lambda a: 3.0 * a, model.init(jax.random.key(0)))
    found = harmonise_melodies(model, params, MELODIES, METER, Draws(), count=3)
    for one, melody in zip(found, MELODIES, strict=True):
        np.testing.assert_array_equal(one.pitches[:, 0], melody)
        assert one.pitches.shape == (len(melody), 4)
    assert len({tuple(row) for row in found[0].pitches[:, 1:].tolist()}) > 1

    chorales = [Chorale(one.pitches) for one in found]
    batch = packed_batches(harmony_fields(chorales, METER), 1, 10)(0)
    task = harmony_task(lambda rates: model)
    _, metrics = jax.jit(task.measure)(params, {}, task.memory(params, batch), batch)
    total = sum(one.nats for one in found)
    np.testing.assert_allclose(metrics["nats"].sum, total, rtol=1e-5)
    np.testing.assert_allclose(metrics["nats_by_voice"].sum.sum(), total, rtol=1e-5)
    assert float(metrics["nats"].weight) == 10
    assert harmony_view(batch).targets.dtype == jnp.int32

"""Views of packed rows and of forecast windows: losses against numpy."""

import jax
import numpy as np
from leaky_sums import D, floats, gaussian_nats, leaky_sums, outputs_of

from seqmodels.data.packing import packed_batches
from seqmodels.data.ragged import ragged
from seqmodels.data.series.forecast_windows import training_streams
from seqmodels.data.series.series_table import ForecastSeries, WindowShape
from seqmodels.distributions.gaussian import gaussian
from seqmodels.models.sequence.sequence_model import sequence_model
from seqmodels.models.sequence.task import sequence_task

KEY = jax.random.key(0)


def test_packed_rows_equal_separate_examples():
    lengths = (3, 1, 4, 2)
    xs, ys = [floats(n, D) for n in lengths], [floats(n) for n in lengths]
    model = sequence_model(outputs_of(2), gaussian())
    task = sequence_task(lambda rates: model)
    params = model.init(KEY)
    batch = packed_batches({"x": ragged(xs), "y": ragged(ys)}, 2, 5)(0)
    _, metrics = jax.jit(task.measure)(params, {}, task.memory(params, batch), batch)
    outputs = [leaky_sums(params, x[:, None])[:, 0] for x in xs]
    expected = np.concatenate([gaussian_nats(o, y) for o, y in zip(outputs, ys, strict=True)])
    assert float(metrics["nats"].weight) == sum(lengths)
    np.testing.assert_allclose(metrics["nats"].mean, expected.mean(), rtol=1e-5)


def test_a_target_of_a_forecast_counts_if_all_its_values_are_present():
    inputs, targets = floats(24, D), floats(24, 2)
    targets[5, 1] = np.nan
    series = ForecastSeries(inputs, targets)
    window = training_streams([series], 1, WindowShape(20, (1, 3), warmup=2))(0)
    model = sequence_model(outputs_of(8), gaussian(features=2))
    task = sequence_task(lambda rates: model, horizons=2)
    params = model.init(KEY)
    _, metrics = jax.jit(task.measure)(params, {}, task.memory(params, window), window)
    raw = leaky_sums(params, inputs[:20, None])[:, 0].reshape(20, 2, 2, 2)
    for number, horizon in enumerate((1, 3)):
        steps = [t for t in range(2, 20) if t + horizon != 5]
        nats = [gaussian_nats(raw[t, number], targets[t + horizon]).sum() for t in steps]
        assert int(metrics["nats_by_horizon"].weight[number]) == len(steps)
        np.testing.assert_allclose(metrics["nats_by_horizon"].mean[number], np.mean(nats), 1e-5)

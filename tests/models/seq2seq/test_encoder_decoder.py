"""Encoder-decoder: steps and unroll agree, padding has no effect, and the models learn."""

import shutil
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.translation.tokenized_pairs import pair_batches
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded, ragged
from seqmodels.layers.attention import ATTENTIONS
from seqmodels.models.recurrent import recurrent_layers
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder, encoder_decoder
from seqmodels.models.seq2seq.task import (
    choose_given,
    draw_token,
    translation_task,
    unroll_fed_back,
)
from seqmodels.train.config import FitConfig
from seqmodels.train.fit import fit, resume
from seqmodels.train.runs.checkpoint import Checkpoints

E, H, V, W = 6, 5, 11, 9
KEY = jax.random.key(0)
SOURCES, TARGETS = np.array([4, 2, 3, 0]), np.array([5, 3, 2, 0])  # the last row is padding


def padded(lengths, symbols, extra=0):
    steps = np.arange(lengths.max() + extra)[:, None]
    values = np.random.default_rng(0).integers(4, symbols, (9, len(lengths)), dtype=np.int32)
    mask = steps < lengths
    return Padded(np.where(mask, values[: len(steps)], 0).astype(np.int32), mask)


def batch(extra=0):
    fields = {"source": padded(SOURCES, V, extra), "target": padded(TARGETS, W, extra)}
    return Batch(fields, np.arange(4), (SOURCES > 0).astype(np.float32))


def build(kind, rates=None, *, cell="gru", layers=1, both=True, **options):
    rate = (rates or {}).get("dropout", 0.0)
    feeding, context = options.get("feeding", False), options.get("context", 0)
    score = None if kind == "none" else partial(ATTENTIONS[kind], units=7)
    return encoder_decoder(
        recurrent_layers(cell, E, H, layers, both_ways=both, drop=rate),
        recurrent_layers(cell, E * (1 + feeding) + context, H, layers, drop=rate),
        E,
        (V, W),
        attention=score,
        dropout=rate,
        **options,
    )


OPTIONS: dict[str, dict[str, Any]] = {
    "final state": {"kind": "none", "cell": "lstm", "layers": 2, "both": False, "reverse": True},
    "context": {"kind": "none", "context": 4, "tied": True},
    "attention": {"kind": "additive", "tied": True},
    "coverage": {"kind": "general", "feeding": True, "coverage": True, "cell": "lstm"},
}
CASES = {name: build(**options) for name, options in OPTIONS.items()}


class Case(NamedTuple):
    """A model with its parameters and compiled functions."""

    model: EncoderDecoder
    params: Any
    encode: Callable
    step: Callable
    run: Callable  # (params, source, target) -> logits


@cache
def case_of(name):
    model, random = CASES[name], np.random.default_rng(0)
    params = jax.tree.map(  # compiling ``init`` would take longer
        lambda leaf: jnp.asarray(0.4 * random.normal(size=leaf.shape), jnp.float32),
        jax.eval_shape(model.init, KEY),
    )
    if "coverage" in params["decoder"]:
        params["decoder"]["coverage"] = jnp.float32(-2.0)

    @jax.jit
    def run(params, source, target):
        return model.unroll(params, model.encode(params, source), target.values, target.mask)

    return Case(model, params, jax.jit(model.encode), jax.jit(model.step), run)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return case_of(request.param)


def test_padding_and_other_rows_have_no_effect(case):
    logits, wider = (case.run(case.params, *batch(extra).fields.values()) for extra in (0, 2))
    row, source, target = 1, SOURCES[1], TARGETS[1]
    single = [
        Padded(field.values[:length, row : row + 1], field.mask[:length, row : row + 1])
        for field, length in zip(batch().fields.values(), (source, target), strict=True)
    ]
    one = case.run(case.params, *single)[:, 0]
    np.testing.assert_allclose(one, logits[:target, row], atol=1e-5)
    for row, target in enumerate(TARGETS):
        np.testing.assert_allclose(wider[:target, row], logits[:target, row], atol=1e-5)


def test_unroll_agrees_with_steps(case):
    fields = batch().fields
    expected = case.run(case.params, *fields.values())
    encoded = case.encode(case.params, fields["source"])
    carry = encoded.carry
    for time, tokens in enumerate(fields["target"].values):
        carry, logits = case.step(case.params, encoded.decoder, carry, tokens)
        mask = fields["target"].mask[time]
        np.testing.assert_allclose(logits[mask], expected[time][mask], atol=1e-5)


def test_a_step_of_several_beams_agrees_with_a_step_of_each(case):
    encoded = case.encode(case.params, batch().fields["source"])
    tokens = jnp.array([[1, 2], [3, 4], [5, 6], [7, 8]], jnp.int32)
    beams = jax.tree.map(lambda a: jnp.stack([a, a * 0.5], axis=1), encoded.carry)
    _, logits = case.step(case.params, encoded.decoder, beams, tokens)
    for beam in range(2):
        carry = jax.tree.map(lambda a, beam=beam: a[:, beam], beams)
        _, one = case.step(case.params, encoded.decoder, carry, tokens[:, beam])
        np.testing.assert_allclose(logits[:, beam], one, atol=1e-5)


@pytest.mark.parametrize("name", ["attention", "coverage"])
def test_alignments_are_attention_weights(name):
    model, params, encode, _, _ = case_of(name)
    source, target = batch().fields.values()
    encoded, tokens = encode(params, source), jnp.asarray(target.values)
    weights = jax.jit(model.align)(params, encoded, tokens)
    assert weights.shape == (5, 4, 4)
    np.testing.assert_allclose(weights[:, :3].sum(axis=-1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(weights[:, ~source.mask.T], 0.0)


def test_without_attention_the_decoder_sees_only_the_final_state():
    _, params, encode, _, _ = case_of("final state")
    assert params["bridge"] == {}
    shapes = [
        leaf.shape for leaf in jax.tree.leaves(encode(params, batch().fields["source"]).carry)
    ]
    assert shapes == [(4, H)] * 4  # h and c of two layers; nothing depends on the source length


def test_learns_to_reverse():
    """Three symbols out of six; the loss is smoothed, the accuracy is not."""
    values = np.random.default_rng(0).integers(4, 10, (3, 32), dtype=np.int32)
    ends = np.full((1, 32), 1, np.int32)
    target = np.concatenate([ends * 2, values[::-1], ends * 3]) % 10
    fields = [Padded(a.astype(np.int32), np.ones(a.shape, bool)) for a in (values, target)]
    data = Batch(dict(zip(("source", "target"), fields, strict=True)), np.arange(32), np.ones(32))
    cells = [recurrent_layers("gru", 16, 24)] * 2
    model = encoder_decoder(*cells, 16, (10, 10), attention=partial(ATTENTIONS["dot"], units=0))
    task = translation_task(lambda rates: model)
    rates, adam = {"smoothing": jnp.float32(0.05)}, optax.adam(2e-2)

    @jax.jit
    def learn(key):
        params = task.init(key)

        def step(state, key):
            params, moments = state
            gradient = jax.grad(lambda p: task.loss(p, rates, (), data, key)[0])(params)
            with jax.numpy_dtype_promotion("standard"):  # optax mixes integer counts with floats
                updates, moments = adam.update(gradient, moments)
            return (optax.apply_updates(params, updates), moments), None

        keys = jax.random.split(key, 150)
        (params, _), _ = jax.lax.scan(step, (params, adam.init(params)), keys)
        return task.measure(params, {}, (), data)[1]

    measured = learn(KEY)
    assert measured["accuracy"] == (128.0, 128.0)


@pytest.mark.exhaustive
def test_a_run_resumed_within_an_epoch_equals_the_uninterrupted_one(tmp_path):
    """Seven steps, five per epoch; the run resumes after three."""
    random, names = np.random.default_rng(0), ("source", "target")
    texts = {name: ragged([random.integers(4, 9, n) for n in range(2, 11)]) for name in names}
    batches = pair_batches(texts, 2, buckets=1, seed=0)
    assert batches.steps_per_epoch == 5
    cells = [recurrent_layers("rnn", E, H, drop=0.2)] * 2
    model = encoder_decoder(*cells, E, (V, W), dropout=0.2, word_dropout=0.2)
    task = translation_task(lambda rates: model)
    config = FitConfig(steps=7, evaluate_every=3, dispatch=1, keep=3)
    checkpoints = Checkpoints(tmp_path, config.keep)
    whole = fit(task, batches, config, checkpoints=checkpoints).state.params
    for step in (6, 7):
        shutil.rmtree(tmp_path / str(step))
    state = resume(task, batches, config, checkpoints)
    assert int(state.step) == 3
    again = fit(task, batches, config, state=state).state.params
    jax.tree.map(np.testing.assert_array_equal, again, whole)


def test_scheduled_sampling_gives_all_but_this_fraction_of_the_inputs():
    inputs = jnp.ones((101, 40), jnp.int32)
    given = choose_given(KEY, inputs, 0.25).given
    assert given[0].all()
    assert abs(float((~given[1:]).mean()) - 0.25) < 0.02
    assert choose_given(KEY, inputs, 0.0).given.all()
    assert not choose_given(KEY, inputs, 1.0).given[1:].any()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.exhaustive] * (n != "attention")) for n in OPTIONS],
)
def test_rate_zero_is_teacher_forcing_with_the_same_noise(name):
    noisy = build(rates={"dropout": 0.3}, word_dropout=0.3, **OPTIONS[name])
    source, target = batch().fields.values()
    tokens, mask = jnp.asarray(target.values), jnp.asarray(target.mask)

    @jax.jit
    def both(params, key):
        encoded, given = noisy.encode(params, source), choose_given(KEY, tokens, 0.0)
        forced = noisy.unroll(params, encoded, tokens, mask, jax.random.split(key)[0])
        free = unroll_fed_back(noisy, params, encoded, given, mask, key)
        return forced, free.output, noisy.unroll(params, encoded, tokens, mask)

    forced, free, quiet = both(case_of(name).params, KEY)
    np.testing.assert_allclose(free, forced, atol=1e-5)
    assert np.abs(forced - quiet).max() > 0.1


@pytest.mark.parametrize("key", [None, KEY])
def test_rate_one_samples_from_the_model(key):
    model, params, encode, step, _ = case_of("coverage")
    encoded = encode(params, batch().fields["source"])
    tokens = jnp.asarray(batch().fields["target"].values)
    run = jax.jit(
        lambda p, e: unroll_fed_back(model, p, e, choose_given(KEY, tokens, 1.0), key=key)
    )
    output = run(params, encoded)
    keys = [None] * 5 if key is None else jax.random.split(jax.random.split(key)[1], 5)
    carry, token = encoded.carry, tokens[0]
    for time in range(5):
        carry, logits = step(params, encoded.decoder, carry, token)
        np.testing.assert_allclose(output.output[time], logits, atol=1e-5)
        token = draw_token(keys[time], logits)
        np.testing.assert_array_equal(output.value[time], token)


@pytest.mark.parametrize("cell", ["lru", "min_lstm", "gru_before"])
def test_cells_of_every_form_work_as_attention_decoders(cell):
    model = build("additive", cell=cell, feeding=True)
    task = translation_task(lambda rates: model, scheduled=0.2)
    params = jax.eval_shape(task.init, KEY)
    gradient = jax.grad(lambda p: task.loss(p, {}, (), batch(), KEY)[0])
    assert jax.eval_shape(gradient, params) == params

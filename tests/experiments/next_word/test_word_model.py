"""That the recipes are what was published, and that the noise of AWD-LSTM is where it belongs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.next_word.arguments import WordModelConfig
from experiments.next_word.experiment import Config
from experiments.next_word.recipes import WORD_MODELS
from experiments.next_word.word_model import word_model, word_model_task
from seqmodels.data.streams import training_windows
from seqmodels.errors import UserError
from seqmodels.models.language.language_model import Hidden, activation_penalty
from seqmodels.train.config import hyper
from seqmodels.train.state import init_state, train_chunk

KEY = jax.random.key(0)


def recipe(name, **changes):
    return Config(**(WORD_MODELS[name] | changes))


def sizes(model):
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.init, KEY)))


def test_published_models_have_their_numbers_of_parameters():
    embedding, lstm, readout = 10_000 * 200, 2 * (400 * 800 + 800), 200 * 10_000 + 10_000
    assert sizes(word_model(recipe("zaremba-small"), 10_000)) == embedding + lstm + readout
    # Merity et al. (2017) tell 24 million; PyTorch's LSTM has its bias twice.
    awd = sizes(word_model(recipe("awd-lstm"), 10_000))
    assert awd + 4 * (1150 + 1150 + 400) == 24_221_600


def test_a_step_of_zaremba_small_is_that_of_his_equations():
    """SGD at rate 1 on the loss summed over 20 steps, its gradient cut to a norm of 5."""
    config = recipe("zaremba-small", hidden=4, embedding=4, batch_size=2)
    text = np.random.default_rng(0).integers(0, 5, 200).astype(np.int32)
    window = training_windows(text, 2, config.length)(0)
    task = word_model_task(config, 5)
    numbers = {name: jnp.float32(x) for name, x in hyper(config, ("dropout",)).items()}
    numbers |= {"hold_steps": jnp.float32(4), "decay_steps": jnp.float32(1)}

    @jax.jit
    def both():
        # Thirty times the weights, so that the gradient is long enough to be cut.
        state = init_state(task, config, numbers | {"weight_scale": jnp.float32(30)}, KEY, window)
        batches = jax.tree.map(lambda a: jnp.asarray(a)[None], window)
        after, _ = train_chunk(task, config)(state, batches)

        def summed(params):
            model = word_model(config, 5)
            logits, _ = model.unroll(params, jnp.asarray(window.inputs), model.start(params, (2,)))
            log_p = jnp.take_along_axis(
                jax.nn.log_softmax(logits), jnp.asarray(window.targets)[..., None], -1
            )
            return -jnp.sum(log_p) / 2  # the mean over the batch alone

        return state.params, after.params, jax.grad(summed)(state.params)

    before, after, slope = both()
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(slope)))
    assert norm > 5
    jax.tree.map(
        lambda p, q, g: np.testing.assert_allclose(q, p - 5 / norm * g, atol=1e-5),
        before, after, slope,
    )  # fmt: skip


def test_uniform_parameters_are_all_of_them():
    params = jax.jit(word_model(recipe("zaremba-small", hidden=9, embedding=9), 50).init)(KEY)
    for leaf in jax.tree.leaves(params):
        assert 0.05 < np.abs(leaf).max() <= 0.1
        assert abs(np.mean(leaf)) < 0.04


def test_noise_comes_with_a_key_and_with_each_rate():
    quiet = WordModelConfig(hidden=6, embedding=6, layers=2, tied=True, dropout=0.0)
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 8, (5, 2)).astype(np.int32))
    params = jax.jit(word_model(quiet, 8).init)(KEY)

    @jax.jit
    def outputs(params, key):
        found = {}
        for name in ("hidden_dropout", "input_dropout", "word_dropout", "weight_drop", "dropout"):
            config = dataclasses.replace(quiet, **{name: 0.5})
            model = word_model(config, 8, 0.5 if name == "dropout" else None)
            start = model.start(params, (2,))
            found[name] = [model.read(params, tokens, start, k)[0] for k in (None, key)]
        return found

    found = jax.device_get(outputs(params, KEY))
    without = found["dropout"][0]
    for name, (still, noisy) in found.items():
        np.testing.assert_allclose(still.shown, without.shown, atol=1e-6)
        assert not np.allclose(noisy.shown, still.shown, atol=1e-3), name
        assert (name == "dropout") == bool(np.allclose(noisy.raw, still.raw, atol=1e-6))
    shown, raw = found["dropout"][1]
    np.testing.assert_allclose(shown, raw * (np.abs(shown[:1]) > 0) * 2, atol=1e-6)


def test_outputs_are_kept_small_and_slow():
    raw = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    hidden = Hidden(jnp.asarray(2 * raw), jnp.asarray(raw))
    expected = 2.0 * np.mean((2 * raw) ** 2) + 3.0 * np.mean(np.diff(raw, axis=0) ** 2)
    np.testing.assert_allclose(activation_penalty(hidden, 2.0, 3.0), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden": 0}, "--hidden"),
        ({"weight_drop": 1.0}, "--weight-drop"),
        ({"hidden_dropout": -0.1}, "--hidden-dropout"),
        ({"embedding": 0, "tied": True}, "--tied needs an --embedding"),
        ({"samples": -2}, "--samples"),
    ],
)
def test_numbers_that_make_no_sense_are_named(changes, told):
    with pytest.raises(UserError, match=told):
        WordModelConfig(**changes).check()

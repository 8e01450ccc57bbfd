"""The published models, and the noise and penalties of AWD-LSTM."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.next_word import experiment
from experiments.next_word.experiment import EXPERIMENT, Config
from experiments.next_word.recipes import RECIPES
from seqmodels.data.streams import training_windows
from seqmodels.train.config import with_values
from seqmodels.train.state import init_state, train_chunk

KEY = jax.random.key(0)


def recipe(name, **values):
    return with_values(Config(), {**RECIPES[name].flags, **values})


def metadata(words):
    return {"vocabulary": {"symbols": [str(number) for number in range(words)]}}


def model(config, words, **rates):
    return experiment.model(config, metadata(words), rates)


def size(model):
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.init, KEY)))


def test_published_models_have_their_numbers_of_parameters():
    embedding, lstm, readout = 10_000 * 200, 2 * (400 * 800 + 800), 200 * 10_000 + 10_000
    assert size(model(recipe("zaremba-small"), 10_000)) == embedding + lstm + readout
    # Merity et al. (2017) report 24 million; PyTorch's LSTM has two biases per gate.
    awd = size(model(recipe("awd-lstm"), 10_000))
    assert awd + 4 * (1150 + 1150 + 400) == 24_221_600


def test_a_step_of_zaremba_small_equals_the_published_one():
    """SGD with rate 1 on the loss summed over 20 steps, its gradient clipped to norm 5."""
    config = recipe("zaremba-small", hidden=4, embedding=4, batch_size=2)
    text = np.random.default_rng(0).integers(0, 5, 200).astype(np.int32)
    window = training_windows(text, 2, config.length)(0)
    task, lm = EXPERIMENT.task(config, metadata(5)), model(config, 5)
    rates = {name: jnp.float32(x) for name, x in EXPERIMENT.initial_rates(config).items()}
    rates |= {"hold_steps": jnp.float32(4), "decay_steps": jnp.float32(1)}

    @jax.jit
    def both():
        # Large weights, so that the norm of the gradient exceeds 5.
        large = rates | {"weight_scale": jnp.float32(30)}
        state = init_state(task, config.training.optimizer, large, KEY, window)
        batches = jax.tree.map(lambda a: jnp.asarray(a)[None], window)
        after, _ = train_chunk(task, config.training.optimizer)(state, batches)

        def summed(params):
            logits, _ = lm.unroll(params, jnp.asarray(window.inputs), lm.start(params, (2,)))
            log_p = jnp.take_along_axis(
                jax.nn.log_softmax(logits), jnp.asarray(window.targets)[..., None], -1
            )
            return -jnp.sum(log_p) / 2  # mean over the batch only

        return state.params, after.params, jax.grad(summed)(state.params)

    before, after, grads = both()
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(grads)))
    assert norm > 5
    jax.tree.map(
        lambda p, q, g: np.testing.assert_allclose(q, p - 5 / norm * g, atol=1e-5),
        before, after, grads,
    )  # fmt: skip


def test_uniform_init_covers_all_parameters():
    params = jax.jit(model(recipe("zaremba-small", hidden=9, embedding=9), 50).init)(KEY)
    for leaf in jax.tree.leaves(params):
        assert 0.05 < np.abs(leaf).max() <= 0.1
        assert abs(np.mean(leaf)) < 0.04


def test_noise_requires_a_key_and_a_rate():
    values = {"hidden": 6, "embedding": 6, "layers": 2, "tied": True, "dropout": 0.0}
    quiet = with_values(Config(), values)
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 8, (5, 2)).astype(np.int32))
    params = jax.jit(model(quiet, 8).init)(KEY)

    @jax.jit
    def outputs(params, key):
        found = {}
        for name in ("hidden_dropout", "input_dropout", "word_dropout", "weight_drop", "dropout"):
            rates = {"dropout": 0.5} if name == "dropout" else {}
            lm = model(with_values(quiet, {name: 0.5}), 8, **rates)
            start = lm.start(params, (2,))
            found[name] = [lm.encode(params, tokens, start, k)[0] for k in (None, key)]
        return found

    found = jax.device_get(outputs(params, KEY))
    without = found["dropout"][0]
    for name, (still, noisy) in found.items():
        np.testing.assert_allclose(still.after_dropout, without.after_dropout, atol=1e-6)
        assert not np.allclose(noisy.after_dropout, still.after_dropout, atol=1e-3), name
        unchanged = np.allclose(noisy.before_dropout, still.before_dropout, atol=1e-6)
        assert (name == "dropout") == bool(unchanged)
    after, before = found["dropout"][1]
    np.testing.assert_allclose(after, before * (np.abs(after[:1]) > 0) * 2, atol=1e-6)

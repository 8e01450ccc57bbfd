"""seqmodels and PyTorch implement the same systems: equal weights give equal results."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from benchmarks.systems import END, START, WIDTH, System, ours, pytorch, sequences, targets
from experiments.translation.arguments import SearchArguments
from experiments.translation.translator import search
from seqmodels.data.ragged import Padded
from seqmodels.interop import to_torch

pytestmark = pytest.mark.peers

SMALL = System("translation", "gru", 1, hidden=16, batch=4, length=7)


def pair(system: System, stepwise: bool):
    """Return our model with its parameters, and PyTorch's model with the same weights."""
    model = ours.model(ours.translation_config(system), system, {})
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda a: jnp.asarray(0.3 * random.standard_normal(a.shape, np.float32)), shapes
    )
    decoder, readout = params["decoder"], params["readout"]
    score, combine = decoder["attention"], decoder["combine"]
    state = {
        "source.weight": params["source"]["embedding"],
        "target.weight": params["target"]["embedding"],
        "bridge.weight": params["bridge"]["w"].T,
        "bridge.bias": params["bridge"]["b"],
        "keys.weight": score["wm"].T,
        "keys.bias": score["b"],
        "query.weight": score["wq"].T,
        "score.weight": score["v"][None],
        "combine.weight": combine["w"].T,
        "combine.bias": combine["b"],
        "bias": readout["bias"],
    }
    state |= {f"encoder.{name}": value for name, value in to_torch(params["encoder"]).items()}
    cut = (
        "_l0" if stepwise or system.feeding else ""
    )  # parameters of a GRUCell have no layer suffix
    weights = to_torch(decoder["cell"]).items()
    state |= {f"decoder.{name.removesuffix(cut)}": value for name, value in weights}
    peer = pytorch.Translator(system, stepwise).eval()
    peer.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    return model, params, peer


@pytest.mark.parametrize("feeding", [False, True])
def test_translators_give_the_same_logits(feeding: bool):
    system = replace(SMALL, feeding=feeding)
    model, params, peer = pair(system, stepwise=False)
    source, target = sequences(system, 0), targets(system)
    tokens, valid = target.tokens[0, :-1], target.mask[0, 1:]
    encoded = model.encode(params, Padded(source.tokens[0], source.mask[0]))
    logits = model.unroll(params, encoded, jnp.asarray(tokens), jnp.asarray(valid))
    arrays = source.tokens[0], source.lengths[0], tokens
    with torch.no_grad():
        expected = peer(*map(pytorch.to_long, arrays)).numpy()
    np.testing.assert_allclose(np.asarray(logits)[valid], expected[valid], rtol=1e-4, atol=1e-4)


def test_searches_return_the_same_targets():
    system = replace(SMALL, system="beam")
    model, params, peer = pair(system, stepwise=True)
    source = sequences(system, 0)
    encoded = model.encode(params, Padded(source.tokens[0], source.mask[0]))
    first, key = jnp.full((system.batch,), START, jnp.int32), jax.random.key(0)
    arguments = SearchArguments(beam=WIDTH)
    found = search(model, params, encoded, first, arguments, END, system.length, key)
    arrays = source.tokens[0], source.lengths[0]
    expected = pytorch.search(peer, *map(pytorch.to_long, arrays), system.length)
    np.testing.assert_array_equal(np.asarray(found.tokens), expected.numpy())

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.diagnostics.dynamics.gradient_flow import (
    add_probe,
    gradient_flow,
    jacobians,
    largest_singular_values,
    norm,
    plot_flow,
    saturated_share,
    state_gradients,
)
from seqmodels.diagnostics.dynamics.perturb import flatten_carry, unflatten_carry
from seqmodels.errors import UserError
from seqmodels.noise import zoneout
from seqmodels.types import Task, Total
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

T, B, D, H = 6, 3, 4, 4
XS = random_normal(T, B, D)
KEY = jax.random.key(0)

# An engine other than scan costs the same to compile; scan is for the exhaustive tests.
ENGINES = [pytest.param("scan", marks=pytest.mark.exhaustive), "fused"]


def linear_rnn(gain, size=5):
    """Return ``h_t = W x_t + g Q h_{t-1}``, Q orthogonal."""
    cell = CELLS["rnn"](D, size, activation=lambda z: z)
    orthogonal = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]
    return cell, random_params(cell) | {"wh": jnp.asarray(gain * orthogonal, jnp.float32)}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_scaled_orthogonal_matrix_scales_the_gradient_at_every_step(engine):
    cell, params = linear_rnn(1.0)

    @jax.jit
    @jax.vmap
    def flow(gain):
        return gradient_flow(cell, params | {"wh": gain * params["wh"]}, XS, engine=engine)

    gains = np.array([0.5, 1.0, 1.5], np.float32)
    norms = flow(gains)
    assert list(norms) == ["all"]
    expected = gains[:, None] ** np.arange(T, -1.0, -1.0)
    expected = np.broadcast_to(expected[..., None], (3, T + 1, B))
    np.testing.assert_allclose(norms["all"], expected, rtol=1e-5)


def test_vanished_gradients_do_not_underflow():
    cell, params = linear_rnn(0.1)
    norms = jax.jit(lambda: gradient_flow(cell, params, jnp.zeros((30, D)))["all"])()
    np.testing.assert_allclose(norms, 0.1 ** np.arange(30, -1.0, -1.0), rtol=1e-4)


def lstm_without_weights(forget):
    """Return an LSTM with constant forget gates, in which the output does not affect the state."""
    cell = CELLS["lstm"](D, H)
    params = jax.tree.map(jnp.zeros_like, random_params(cell))
    return cell, params | {"b": params["b"].at[H : 2 * H].set(jnp.asarray(forget))}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gradient_of_an_lstm_cell_is_the_product_of_its_forget_gates(engine):
    forget = jnp.array([40.0, 2.0, 0.0, -1.0])
    cell, params = lstm_without_weights(forget)
    loss = lambda ys, carry: jnp.sum(carry.c)  # noqa: E731
    gradients = jax.jit(lambda: state_gradients(cell, params, XS, loss, engine=engine))()
    gates = np.asarray(jax.nn.sigmoid(forget))
    assert gates[0] == 1.0
    powers = gates ** np.arange(T, -1.0, -1.0)[:, None]
    expected = np.broadcast_to(powers[:, None], (T + 1, B, H))
    np.testing.assert_allclose(gradients.c, expected, rtol=1e-5)
    np.testing.assert_array_equal(gradients.c[..., 0], 1.0)
    np.testing.assert_array_equal(gradients.h[:-1], 0.0)


CELL_CASES = {  # cells of each form, and the engines that take them
    "structured": (CELLS["lstm"](D, H), ("scan", "fused")),
    "without_form": (CELLS["gru_before"](D, H), ("scan",)),
    "complex": (CELLS["lru"](D, H), ("scan", "associative")),
    "log_space": (CELLS["min_gru"](D, H), ("scan", "associative")),
    "zoneout": (zoneout(CELLS["gru"](D, H), 0.2), ("scan", "fused")),
}
FAST = {"structured", "without_form", "complex"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST else pytest.mark.exhaustive) for n in CELL_CASES],
)
def test_the_gradient_is_that_of_the_rest_of_the_sequence(name):
    cell, engines = CELL_CASES[name]
    params, xs, t = random_params(cell, scale=0.5), XS[:3], 1

    def rest(carry):
        """Return the part of the loss that comes after t steps, step by step."""
        total = jnp.zeros(())
        for x in xs[t:]:
            carry, y = cell.step(params, carry, x)
            total += jnp.sum(jnp.sin(3 * y))
        return total

    @jax.jit
    def both():
        state, _ = cell.step(params, cell.start(params, (B,)), xs[0])
        found = [
            state_gradients(cell, params, xs, lambda ys, _: jnp.sum(jnp.sin(3 * ys)), engine=engine)
            for engine in engines
        ]
        return found, jax.grad(rest)(state)

    found, expected = both()
    for gradients in found:
        # jax.grad's complex gradient is the conjugate: dL/dRe - i dL/dIm
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a[t], np.conj(b), atol=2e-5),
            gradients,
            expected,
        )


def test_a_stack_has_one_norm_per_part_and_a_bidirectional_cell_is_an_error():
    cell = stack(CELLS["lstm"](D, 3), CELLS["gru"](3, 2))
    params = random_params(cell, scale=0.5)
    norms = jax.jit(lambda p: gradient_flow(cell, p, XS))(params)
    assert list(norms) == ["0.c", "0.h", "1", "all"]  # jit sorts the names
    squares = sum(np.square(norms[part]) for part in ("0.h", "0.c", "1"))
    np.testing.assert_allclose(norms["all"], np.sqrt(squares), rtol=1e-5)
    np.testing.assert_allclose(norms["all"][-1], 1.0, rtol=1e-5)
    both = bidirectional(CELLS["gru"](D, 3))
    with pytest.raises(UserError, match="bidirectional"):
        gradient_flow(both, random_params(both), XS)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_options_of_unroll_apply(engine):
    cell, params = linear_rnn(1.5)
    resets = jnp.zeros((T, B), bool).at[3, 1].set(True)

    @jax.jit
    def both():
        clipped = gradient_flow(cell, params, XS, engine=engine, clip_gradient=0.1)
        return clipped["all"], gradient_flow(cell, params, XS, engine=engine, resets=resets)["all"]

    clipped, norms = both()
    assert np.all(clipped[:-1] <= 0.1 * np.sqrt(5) + 1e-6)
    np.testing.assert_array_equal(norms[:4, 1] > 0, False)
    assert np.all(norms[4:, 1] > 0)
    assert np.all(norms[:, 0] > 0)


def test_the_key_draws_the_same_noise_as_unroll():
    cell = zoneout(CELLS["gru"](D, H), 0.2)
    params = random_params(cell, scale=0.5)
    loss = lambda ys, carry: jnp.sum(jnp.sin(ys))  # noqa: E731

    @jax.jit
    def three(engine="fused"):
        start = cell.start(params, (B,))
        total = lambda c: loss(*unroll(cell, params, XS, c, key=KEY, engine=engine))  # noqa: E731
        noisy, quiet = (
            state_gradients(cell, params, XS, loss, key=key, engine=engine) for key in (KEY, None)
        )
        return jax.grad(total)(start), noisy[0], quiet[0]

    expected, noisy, quiet = three()
    np.testing.assert_allclose(noisy, expected, atol=1e-6)
    assert not np.allclose(noisy, quiet)


@pytest.mark.parametrize("name", [pytest.param("lstm", marks=pytest.mark.exhaustive), "lru"])
def test_power_iteration_equals_an_svd_of_the_jacobian(name):
    cell = CELLS[name](D, H)
    params = random_params(cell, scale=0.5)
    start, stop = np.array([0, 2, 0, 4]), np.array([T, 3, 1, 4])

    @jax.jit
    def both():
        found = largest_singular_values(cell, params, XS, start, stop, iterations=200)
        return jacobians(cell, params, XS, start, stop), found

    products, found = both()
    exact = np.linalg.svd(np.asarray(products), compute_uv=False)[..., 0]
    np.testing.assert_allclose(found, exact, rtol=2e-3)
    identity = np.broadcast_to(np.eye(products.shape[-1]), products[3].shape)
    np.testing.assert_allclose(products[3], identity, atol=1e-6)


def test_the_jacobian_of_a_span_is_the_product_of_those_of_its_steps():
    cell = CELLS["gru"](D, H)
    params = random_params(cell, scale=0.5)
    start, stop = np.array([0, *range(T)]), np.array([T, *range(1, T + 1)])
    whole, *steps = np.asarray(jax.jit(lambda p: jacobians(cell, p, XS, start, stop))(params))
    product = np.broadcast_to(np.eye(H), (B, H, H))
    for step in steps:
        product = step @ product
    np.testing.assert_allclose(whole, product, atol=1e-5)


def test_a_single_tanh_step_has_the_jacobian_of_its_equation():
    cell = CELLS["rnn"](D, H)

    @jax.jit
    def run(params):
        h = unroll(cell, params, XS[:1])[1]
        return h, jacobians(cell, params, XS, np.array([0]), np.array([1]))[0]

    params = random_params(cell, scale=0.5)
    h, jacobian = run(params)
    expected = (1 - np.square(h))[..., None] * np.asarray(params["wh"]).T
    np.testing.assert_allclose(jacobian, expected, atol=1e-6)


def test_saturated_share_counts_units():
    states = jnp.array([[[-0.99, 0.0, 0.5, 0.96]], [[0.1, 0.2, 0.3, 0.4]]])
    np.testing.assert_allclose(saturated_share(states), [[0.5], [0.0]])
    np.testing.assert_allclose(saturated_share(states, 0.05, 0.95)[1], [0.0])


def test_a_probe_adds_metrics_to_evaluations_only():
    def measure(params, rates, memory, batch):
        return memory, {"nats": Total(jnp.float32(3), jnp.float32(1))}

    task = Task(lambda key: 2.0, None, measure)
    probed = add_probe(task, lambda params, batch: {"reach": params * batch})
    assert probed.loss is task.loss
    _, metrics = probed.measure(jnp.float32(2), {}, (), jnp.float32(5))
    assert {name: float(metric.mean) for name, metric in metrics.items()} == {
        "nats": 3.0, "reach": 10.0
    }  # fmt: skip


def test_the_plot_shows_the_median_of_the_batch():
    figure, axes = plt.subplots()
    plot_flow(axes, {"tanh": jnp.array([[1e-3, 1e-2, 1e-1], [1.0, 1.0, 1.0]])}, first=4)
    (line,) = axes.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [4, 5])
    np.testing.assert_allclose(line.get_ydata(), [1e-2, 1.0])
    assert axes.get_yscale() == "log"
    plt.close(figure)


def test_unflatten_inverts_flatten():
    carry = CELLS["slstm"](D, H).start({}, (2, 3)), CELLS["lru"](D, 2).start({}, (2, 3))
    leaves, tree = jax.tree.flatten(carry)
    carry = tree.unflatten([leaf + k for k, leaf in enumerate(leaves)])
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[2:], a.dtype), carry)
    jax.tree.map(
        np.testing.assert_array_equal, unflatten_carry(flatten_carry(carry, 2), shapes), carry
    )


def test_norms_do_not_underflow():
    np.testing.assert_allclose(norm(jnp.array([[3e-30, 4e-30], [0.0, 0.0]])), [5e-30, 0.0])

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from zoo import D, H, build, engines_for

from seqmodels.cells.registry import CELLS
from seqmodels.diagnostics.dynamics.gradient_flow import (
    gradient_flow,
    jacobians,
    largest_singular_values,
    norm,
    plot_flow,
    saturated_share,
    state_gradients,
    watched,
)
from seqmodels.diagnostics.dynamics.perturb import pack, unpack
from seqmodels.errors import UserError
from seqmodels.types import Task
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

T, B = 6, 3
XS = jax.random.normal(jax.random.key(5), (T, B, D))
KEY = jax.random.key(0)


def linear_rnn(gain, size=5):
    """``h_t = x_t + g Q h_{t-1}``, Q orthogonal."""
    cell = CELLS["rnn"](D, size, activation=lambda z: z)
    params = cell.init(KEY)
    return cell, params | {"wh": gain * params["wh"]}


@pytest.mark.parametrize("engine", ["scan", "fused"])
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


def test_vanished_gradients_are_told_down_to_the_smallest_floats():
    cell, params = linear_rnn(0.1)
    norms = jax.jit(lambda: gradient_flow(cell, params, jnp.zeros((30, D)))["all"])()
    np.testing.assert_allclose(norms, 0.1 ** np.arange(30, -1.0, -1.0), rtol=1e-4)


def lstm_without_recurrent_weights(forget):
    cell = CELLS["lstm"](D, H)
    params = jax.tree.map(lambda a: a.at[:].set(0.0), cell.init(KEY))
    return cell, params | {"b": params["b"].at[H : 2 * H].set(jnp.asarray(forget))}


@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_an_lstm_passes_the_gradient_of_its_cell_by_the_product_of_forget_gates(engine):
    forget = jnp.array([40.0, 2.0, 0.0, -1.0])
    cell, params = lstm_without_recurrent_weights(forget)
    loss = lambda ys, carry: jnp.sum(carry.c)  # noqa: E731
    gradients = jax.jit(lambda: state_gradients(cell, params, XS, loss, engine=engine))()
    gates = np.asarray(jax.nn.sigmoid(forget))
    assert gates[0] == 1.0
    powers = gates ** np.arange(T, -1.0, -1.0)[:, None]
    expected = np.broadcast_to(powers[:, None], (T + 1, B, H))
    np.testing.assert_allclose(gradients.c, expected, rtol=1e-5)
    np.testing.assert_array_equal(gradients.c[..., 0], 1.0)
    np.testing.assert_array_equal(gradients.h[:-1], 0.0)


@pytest.mark.parametrize("name", ["lstm", "gru_before", "lru", "min_gru", "zoneout"])
def test_the_gradient_is_that_of_what_the_rest_of_the_sequence_makes_of_a_state(name):
    cell, params = build(name)
    xs, t = XS[:3], 1

    def rest(carry):
        """The part of the loss that comes after t steps, step by step."""
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
            for engine in ("scan", *engines_for(name))
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


def test_stacks_are_taken_step_by_step_and_both_directions_one_at_a_time():
    cell = stack(CELLS["lstm"](D, 3), CELLS["gru"](3, 2))
    norms = jax.jit(lambda: gradient_flow(cell, cell.init(KEY), XS))()
    assert list(norms) == ["0.c", "0.h", "1", "all"]  # jit sorts the names
    squares = sum(np.square(norms[part]) for part in ("0.h", "0.c", "1"))
    np.testing.assert_allclose(norms["all"], np.sqrt(squares), rtol=1e-5)
    np.testing.assert_allclose(norms["all"][-1], 1.0, rtol=1e-5)
    both = bidirectional(CELLS["gru"](D, 3))
    with pytest.raises(UserError, match="bidirectional"):
        gradient_flow(both, jax.jit(both.init)(KEY), XS)


@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_options_of_unroll_count(engine):
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


def test_a_key_draws_the_noise_that_unroll_draws():
    cell, params = build("zoneout")
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


@pytest.mark.parametrize("name", ["lstm", "lru"])
def test_power_iteration_finds_what_an_svd_of_the_product_finds(name):
    cell, params = build(name)
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
    cell, params = build("gru")
    start, stop = np.array([0, *range(T)]), np.array([T, *range(1, T + 1)])
    whole, *steps = np.asarray(jax.jit(lambda: jacobians(cell, params, XS, start, stop))())
    product = np.broadcast_to(np.eye(H), (B, H, H))
    for step in steps:
        product = step @ product
    np.testing.assert_allclose(whole, product, atol=1e-5)


def test_a_single_tanh_step_has_the_jacobian_of_its_equation():
    cell, params = build("rnn")
    h = unroll(cell, params, XS[:1])[1]
    found = jacobians(cell, params, XS, np.array([0]), np.array([1]))[0]
    expected = (1 - np.square(h))[..., None] * np.asarray(params["wh"]).T
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_saturation_is_a_share_of_units():
    states = jnp.array([[[-0.99, 0.0, 0.5, 0.96]], [[0.1, 0.2, 0.3, 0.4]]])
    np.testing.assert_allclose(saturated_share(states), [[0.5], [0.0]])
    np.testing.assert_allclose(saturated_share(states, 0.05, 0.95)[1], [0.0])


def test_a_watched_task_tells_more_in_evaluations_alone():
    def measure(params, hyper, memory, batch):
        return memory, {"nats": (jnp.float32(3), jnp.float32(1))}

    task = Task(lambda key: 2.0, None, measure)
    seen = watched(task, lambda params, batch: {"reach": params * batch})
    assert seen.loss is task.loss
    _, metrics = seen.measure(jnp.float32(2), {}, (), jnp.float32(5))
    assert {name: float(total / count) for name, (total, count) in metrics.items()} == {
        "nats": 3.0, "reach": 10.0
    }  # fmt: skip


def test_the_picture_shows_the_middle_of_the_batch():
    figure, axes = plt.subplots()
    plot_flow(axes, {"tanh": jnp.array([[1e-3, 1e-2, 1e-1], [1.0, 1.0, 1.0]])}, first=4)
    (line,) = axes.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [4, 5])
    np.testing.assert_allclose(line.get_ydata(), [1e-2, 1.0])
    assert axes.get_yscale() == "log"
    plt.close(figure)


def test_packing_is_undone():
    carry = CELLS["slstm"](D, H).start({}, (2, 3)), CELLS["lru"](D, 2).start({}, (2, 3))
    leaves, tree = jax.tree.flatten(carry)
    carry = tree.unflatten([leaf + k for k, leaf in enumerate(leaves)])
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[2:], a.dtype), carry)
    jax.tree.map(np.testing.assert_array_equal, unpack(pack(carry, 2), shapes), carry)


def test_norms_do_not_underflow():
    np.testing.assert_allclose(norm(jnp.array([[3e-30, 4e-30], [0.0, 0.0]])), [5e-30, 0.0])

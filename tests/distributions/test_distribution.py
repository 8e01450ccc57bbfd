"""Contract of all families: densities, draws, temperatures, extreme outputs, dtypes, batch axes."""

import itertools
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from seqmodels.distributions.autoregressive_set import autoregressive_set, init_autoregressive_set
from seqmodels.distributions.bernoulli import bernoulli
from seqmodels.distributions.categorical import categorical
from seqmodels.distributions.distribution import Distribution
from seqmodels.distributions.gaussian import bivariate_gaussian, gaussian
from seqmodels.distributions.laplace import laplace
from seqmodels.distributions.mixture import mixture
from seqmodels.distributions.nade import init_nade, nade
from seqmodels.distributions.pen_mixture import pen_mixture
from seqmodels.distributions.student_t import student_t

KEY = jax.random.key(0)
DRAWS = 20_000
ITEMS = 6
LEVELS = (0.01, 0.2, 0.5, 0.9, 0.999)
LINE = np.linspace(-160.0, 160.0, 32_001)[:, None]
PLANE = np.stack(np.meshgrid(*[np.linspace(-12.0, 12.0, 241)] * 2, indexing="ij"), -1)
PLANE = PLANE.reshape(-1, 2)
BITS = np.array(list(itertools.product([0.0, 1.0], repeat=ITEMS)))


def pen_grid():
    return np.concatenate([np.insert(PLANE, 2, bit, axis=1) for bit in (0.0, 1.0)])


class Case(NamedTuple):
    """A family, its support and the volume of each point of it."""

    distribution: Distribution
    support: np.ndarray  # [N, D]; scalars have one column
    volume: float = 1.0
    scalar: bool = True
    scale: float = 0.7  # of random network outputs


def learned(init, build, **options):
    weights = jax.tree.map(lambda a: 1.5 * a + 0.2, init(jax.random.key(3), 4, ITEMS, 5))
    return Case(build(weights, **options), BITS, scalar=False)


STEP, AREA = 0.01, 0.1**2
CASES = {
    "gaussian": Case(gaussian(), LINE, STEP),
    "gaussian_2d": Case(gaussian(2), PLANE, AREA, False),
    "bivariate": Case(bivariate_gaussian(), PLANE, AREA, False, 0.5),
    "laplace": Case(laplace(), LINE, STEP),
    "student_t": Case(student_t(), LINE, STEP),
    "student_t_df": Case(student_t(df=6.5), LINE, STEP),
    "mixture_gaussian": Case(mixture(gaussian(), 3), LINE, STEP, scale=2.0),
    "mixture_student": Case(mixture(student_t(df=8.0), 2), LINE, STEP),
    "mixture_2d": Case(mixture(gaussian(2), 2), PLANE, AREA, False),
    "pen": Case(pen_mixture(2), pen_grid(), AREA, False, 0.5),
    "categorical": Case(categorical(5), np.arange(5)[:, None]),
    "bernoulli": Case(bernoulli(3), BITS[: 2**3, -3:], scalar=False),
    "mixture_bernoulli": Case(mixture(bernoulli(3), 2), BITS[: 2**3, -3:], scalar=False),
    "nade": learned(init_nade, nade),
    "set": learned(init_autoregressive_set, autoregressive_set),
    "set_of_3": learned(init_autoregressive_set, autoregressive_set, most=3),
}
SLOW = {"gaussian", "bivariate", "student_t_df", "mixture_student", "mixture_2d"}
SLOW |= {"mixture_bernoulli", "set"}  # make test-all
WITH_QUANTILES = [n for n in CASES if CASES[n].distribution.quantile is not None]
DISCRETE = [n for n in CASES if CASES[n].volume == 1.0]


def marks(name):
    """Run the tests of one family on one worker, which compiles its program once."""
    group = pytest.mark.xdist_group(f"distributions {name}")
    return [group, pytest.mark.exhaustive] if name in SLOW else [group]


def families(names):
    return pytest.mark.parametrize("name", [pytest.param(n, marks=marks(n)) for n in names])


def points(case: Case) -> Any:
    support = jnp.asarray(case.support, jnp.int32 if case.support.dtype == int else jnp.float32)
    return support[:, 0] if case.scalar else support


@cache
def program(name: str) -> dict[str, np.ndarray]:
    """Return all that the tests need, from one compiled program."""
    case = CASES[name]
    family = case.distribution

    @jax.jit
    def run(params, extreme, y, far):
        def rows(count):
            return jnp.broadcast_to(params, (count, family.size))

        def loss(params, y):
            nats = family.nats(params, y)
            return jnp.sum(nats), nats

        def draw(key, temperature):
            return family.draw(key, rows(DRAWS), temperature)

        two_axes = [a.reshape(2, -1, *a.shape[1:]) for a in (extreme, far)]
        draws = jax.vmap(draw)(jax.random.split(KEY, 3), jnp.array([1.0, 0.25, 0.0]))
        result = dict(zip(("draws", "cool", "cold"), draws, strict=True))
        both = jnp.concatenate([rows(len(y)), extreme]).astype(jnp.bfloat16)  # without rounding
        nats = jax.vmap(family.nats)(both, jnp.concatenate([y, far]))
        result["nats"], result["one_by_one"] = nats[: len(y)], nats[len(y) :]
        result["gradient"], result["extreme"] = jax.grad(loss, has_aux=True)(*two_axes)
        if family.mean is not None:
            result["mean"] = family.mean(params)
        if family.quantile is not None:
            levels = family.quantile(rows(3), LEVELS)
            points = jnp.concatenate([y, jnp.moveaxis(levels[0], -1, 0)])
            cdf = family.cdf(rows(len(points)), points)
            result |= {"quantile": levels, "cdf": cdf[: len(y)], "inverted": cdf[len(y) :]}
        return result

    random = np.random.default_rng(1)
    params = jnp.asarray(random.normal(size=family.size) * case.scale, jnp.bfloat16)
    params = params.astype(jnp.float32)
    extreme = random.choice([-9984.0, -30.0, 0.0, 1.0, 30.0, 9984.0], (64, family.size))
    y = points(case)
    if name in DISCRETE:
        far = y[random.integers(len(y), size=64)]
    else:
        far = jnp.asarray(random.choice([-1e6, 0.0, 1.0, 1e6], (64, *y.shape[1:])), jnp.float32)
        far = far.at[..., 2].set(1.0) if name == "pen" else far
    result = run(params, jnp.asarray(extreme, jnp.float32), y, far)
    return {"params": np.asarray(params)} | jax.tree.map(np.asarray, result)


def probabilities(name: str) -> np.ndarray:
    return np.exp(-program(name)["nats"].astype(np.float64)) * CASES[name].volume


@families(CASES)
def test_probabilities_sum_to_one(name):
    np.testing.assert_allclose(probabilities(name).sum(), 1.0, rtol=2e-5)


@families(CASES)
def test_draws_have_the_moments_of_the_density(name):
    support, p = CASES[name].support.astype(float), probabilities(name)
    draws = program(name)["draws"].reshape(DRAWS, -1).astype(float)
    mean = p @ support
    covariance = (support * p[:, None]).T @ support - np.outer(mean, mean)
    error = 5 * np.sqrt(np.diag(covariance) / DRAWS)
    assert (np.abs(draws.mean(0) - mean) < error + 1e-6).all()
    spread = np.sqrt(np.outer(*[np.diag(covariance)] * 2))
    empirical = np.cov(draws, rowvar=False).reshape(covariance.shape)
    if CASES[name].volume == STEP:  # a fourth moment may not exist: compare the CDF
        below = np.searchsorted(np.sort(draws[:, 0]), support[:, 0]) / DRAWS
        assert np.abs(below - np.cumsum(p)).max() < 2.0 / np.sqrt(DRAWS)
    else:
        np.testing.assert_allclose(empirical / spread, covariance / spread, atol=0.08)
    if "mean" in program(name):
        np.testing.assert_allclose(program(name)["mean"].reshape(-1), mean, rtol=1e-3, atol=1e-4)


@families(DISCRETE)
def test_draws_have_the_frequencies_of_the_outcomes(name):
    support, p = CASES[name].support, probabilities(name)
    draws = program(name)["draws"].reshape(DRAWS, 1, -1)
    frequency = (draws == support).all(-1).mean(0)
    assert (np.abs(frequency - p) < 5 * np.sqrt(p / DRAWS) + 1e-3).all()


@families(["gaussian", "gaussian_2d", "bivariate", "laplace", "categorical", "bernoulli"])
def test_a_temperature_draws_from_a_power_of_the_density(name):
    support, p = CASES[name].support.astype(float), probabilities(name) ** 4
    p /= p.sum()
    cool = program(name)["cool"].reshape(DRAWS, -1)
    mean = p @ support
    variance = p @ np.square(support - mean)
    assert (np.abs(cool.mean(0) - mean) < 5 * np.sqrt(variance / DRAWS) + 1e-6).all()
    np.testing.assert_allclose(cool.var(0), variance, rtol=0.06, atol=1e-3)


@families(
    ["gaussian", "gaussian_2d", "bivariate", "laplace", "student_t", "categorical", "bernoulli"]
)
def test_temperature_zero_gives_the_mode(name):
    cold = program(name)["cold"].reshape(DRAWS, -1)
    mode = CASES[name].support[probabilities(name).argmax()]
    assert (cold == cold[0]).all()
    assert np.abs(cold[0] - mode).max() <= {1.0: 0.0, STEP: STEP}.get(CASES[name].volume, 0.1)


@families(["nade", "set", "set_of_3"])
def test_temperature_zero_follows_the_most_likely_choices(name):
    p, chosen = probabilities(name), []
    for item in range(ITEMS):
        if name == "nade":
            same = (BITS[:, :item] == chosen).all(1)
            chosen.append(float(p[same & (BITS[:, item] == 1)].sum() > 0.5 * p[same].sum()))
    if name != "nade":
        chosen = greedy_list(p)
    np.testing.assert_array_equal(program(name)["cold"], np.tile(chosen, (DRAWS, 1)))


def greedy_list(p):
    """Append the most likely next item, or stop, by sums over all sets."""
    prefix = np.zeros(ITEMS)
    last = -1
    while last < ITEMS - 1:
        begins = (BITS[:, : last + 1] == prefix[: last + 1]).all(1)
        following = np.where(
            BITS[:, last + 1 :].any(1), last + 1 + BITS[:, last + 1 :].argmax(1), ITEMS
        )
        shares = [p[begins & (following == item)].sum() for item in range(ITEMS + 1)]
        last = int(np.argmax(shares))
        prefix[last : last + 1] = 1.0
    return prefix


@families(WITH_QUANTILES)
def test_quantiles_invert_the_cdf(name):
    result = program(name)
    if CASES[name].scalar:
        below = np.cumsum(probabilities(name)) - 0.5 * probabilities(name)
        np.testing.assert_allclose(result["cdf"], below, atol=2e-5)
        np.testing.assert_allclose(result["inverted"], LEVELS, atol=2e-6)
    else:  # of each dimension
        assert result["quantile"].shape == (3, 2, len(LEVELS))
        draws = np.quantile(result["draws"], [0.2, 0.5, 0.9], axis=0).T
        np.testing.assert_allclose(result["quantile"][0][:, 1:4], draws, atol=0.08)


@families(CASES)
def test_extreme_outputs_have_finite_losses_and_gradients(name):
    values, gradients = (program(name)[part] for part in ("extreme", "gradient"))
    if name == "set_of_3":  # larger sets have probability zero
        assert (values == np.inf).any()
        values = np.where(values == np.inf, 0.0, values)
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()
    assert (gradients != 0.0).any(axis=(0, 1)).all()


@families(CASES)
def test_nats_are_float32_and_the_same_for_any_batch_axes(name):
    batch, rows = (program(name)[part] for part in ("extreme", "one_by_one"))
    assert batch.shape == (2, 32)
    assert rows.dtype == np.float32  # though the outputs are bfloat16
    np.testing.assert_allclose(batch.reshape(-1), rows, rtol=2e-5)


def softplus(x):
    return np.logaddexp(0.0, x)


def scale(raw):
    return 1e-3 + softplus(raw + np.log(np.expm1(1.0 - 1e-3)))


SCIPY = {
    "gaussian": lambda p: scipy.stats.norm(p[0], scale(p[1])),
    "laplace": lambda p: scipy.stats.laplace(p[0], scale(p[1])),
    "student_t": lambda p: scipy.stats.t(2.0 + softplus(p[2]), p[0], scale(p[1])),
    "student_t_df": lambda p: scipy.stats.t(6.5, p[0], scale(p[1])),
}


@families(SCIPY)
def test_scalar_families_equal_scipy(name):
    result = program(name)
    family = SCIPY[name](result["params"].astype(float))
    np.testing.assert_allclose(result["nats"], -family.logpdf(LINE[:, 0]), rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(result["cdf"], family.cdf(LINE[:, 0]), atol=5e-6)
    np.testing.assert_allclose(result["quantile"][1], family.ppf(LEVELS), rtol=1e-4, atol=1e-5)

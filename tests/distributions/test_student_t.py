"""Student's t: precision at many degrees of freedom, and its limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from seqmodels.distributions.student_t import student_t
from seqmodels.errors import UserError


def test_many_degrees_of_freedom_lose_no_digits():
    df = np.array([3.0, 1e3, 1e5, 1e7])
    raw = np.where(df > 20.0, df - 2.0, np.log(np.expm1(1.0)))
    params = jnp.stack([jnp.zeros(4), jnp.zeros(4), jnp.asarray(raw, jnp.float32)], axis=-1)
    nats = jax.jit(student_t().nats)(params, jnp.full(4, 1.5))
    np.testing.assert_allclose(nats, -scipy.stats.t(df).logpdf(1.5), rtol=2e-6)


def test_the_cauchy_distribution_has_quantiles_and_no_mean():
    cauchy = student_t(df=1.0)
    assert cauchy.mean is None
    levels = np.array([1e-6, 1e-3, 0.3, 0.99])
    quantiles = jax.jit(cauchy.quantile)(jnp.zeros(2), levels)
    np.testing.assert_allclose(quantiles, scipy.stats.cauchy.ppf(levels), rtol=1e-4)
    with pytest.raises(UserError, match="degrees of freedom"):
        student_t(df=0.0)

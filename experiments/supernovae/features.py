"""Input features of a network that reads light curves night by night."""

import jax.numpy as jnp

from experiments.supernovae.light_curves import DAY, ERROR, FLUX, OBSERVED, REDSHIFT
from seqmodels.types import Array, Float, Layer, Params


def night_features(redshift: bool) -> tuple[Layer, int]:
    """Return a layer that converts nights to features of order one, and the number of features.

    For each band these are asinh(flux / 10), asinh(flux / error), log(error), and whether it was
    observed; for each night, the days since the last night and since the first. All features are
    causal. With ``redshift``, there are also the host's redshift z and its error, the days in the
    rest frame, t / (1 + z), and asinh(flux (z (1 + z / 2))^2 / 2). The last one is a measure of
    luminosity, because the distance is about proportional to z (1 + z / 2).
    """

    def apply(params: Params, xs: Float[Array, "T *B C"]) -> Float[Array, "T *B D"]:
        flux, observed, day = xs[..., FLUX], xs[..., OBSERVED], xs[..., DAY : DAY + 1]
        error = jnp.where(observed > 0, xs[..., ERROR], jnp.ones_like(observed))
        gap, since = jnp.diff(day, axis=0, prepend=day[:1]), day - day[:1]
        features = [jnp.arcsinh(flux / 10), jnp.arcsinh(flux / error) / 2]
        features += [jnp.log(error) / 2, observed, gap / 5, since / 50]
        if redshift:
            z = xs[..., REDSHIFT : REDSHIFT + 1]
            dimming = jnp.square(z * (1 + z / 2)) / 2
            features += [2 * z, 20 * xs[..., REDSHIFT + 1 :]]
            features += [gap / 5 / (1 + z), since / 50 / (1 + z), jnp.arcsinh(flux * dimming)]
        return jnp.concatenate(features, axis=-1)

    return Layer(lambda key: {}, apply), 26 if redshift else 18

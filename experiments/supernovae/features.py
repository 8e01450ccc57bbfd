"""What a network sees of each night of a light curve."""

import jax.numpy as jnp

from experiments.supernovae.files import DAY, ERROR, FLUX, REDSHIFT, SEEN
from seqmodels.types import Array, Float, Layer, Params


def night_features(redshift: bool) -> tuple[Layer, int]:
    """Rows of ``data.light_curves`` as numbers of order one, and how many they are.

    Of each band asinh(flux / 10), asinh(flux / error), log(error) and whether it was seen; days
    since the last night and since the first: no night knows of a later one.  With the host's
    redshift z (and its error) also the days at the source, t / (1 + z), and the brightness there,
    asinh(flux (z (1 + z / 2))^2 / 2), for its distance is about proportional to z (1 + z / 2).
    """

    def apply(params: Params, xs: Float[Array, "T *B C"]) -> Float[Array, "T *B D"]:
        flux, seen, day = xs[..., FLUX], xs[..., SEEN], xs[..., DAY : DAY + 1]
        error = jnp.where(seen > 0, xs[..., ERROR], jnp.ones_like(seen))
        gap, since = jnp.diff(day, axis=0, prepend=day[:1]), day - day[:1]
        parts = [jnp.arcsinh(flux / 10), jnp.arcsinh(flux / error) / 2, jnp.log(error) / 2, seen]
        parts += [gap / 5, since / 50]
        if redshift:
            z = xs[..., REDSHIFT : REDSHIFT + 1]
            far = jnp.square(z * (1 + z / 2)) / 2
            parts += [2 * z, 20 * xs[..., REDSHIFT + 1 :], gap / 5 / (1 + z), since / 50 / (1 + z)]
            parts += [jnp.arcsinh(flux * far)]
        return jnp.concatenate(parts, axis=-1)

    return Layer(lambda key: {}, apply), 26 if redshift else 18

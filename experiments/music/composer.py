"""Continue a piece with a model of frames."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from experiments.music.draws import Draws
from experiments.music.frames import frame_inputs
from seqmodels.decode.sample import SampleState, sample
from seqmodels.models.sequence.sequence_model import SequenceModel
from seqmodels.types import Array, Carry, Int, Params


class ComposerCarry(NamedTuple):
    """The carry of the model, and the index of the frame that comes next."""

    model: Carry
    position: Int[Array, ""]


def compose_frames(
    model: SequenceModel,
    params: Params,
    prime: Bool[np.ndarray, "P K"],
    length: int,
    meter: int,
    draws: Draws,
) -> Bool[np.ndarray, "T K"]:
    """Return ``length`` frames that begin with the prime, which may be empty.

    meter: frames in a bar, as in training
    """
    drawn_by = partial(_continue, model, meter=meter, length=length - len(prime))
    inputs = frame_inputs(np.pad(prime, ((0, 1), (0, 0))), meter)
    drawn = jax.jit(drawn_by)(
        params, inputs, jax.random.key(draws.seed), jnp.float32(draws.temperature)
    )
    return np.concatenate([prime, np.asarray(drawn) > 0])


def _continue(
    model: SequenceModel,
    params: Params,
    inputs: Float[Array, "T D"],
    key: Any,
    temperature: Array,
    *,
    meter: int,
    length: int,
) -> Float[Array, "L K"]:
    """Draw the frames after those that the inputs are of; the last inputs are of the first one."""
    distribution = model.distribution(params)

    def draw(key: Any, outputs: Array) -> Array:
        return distribution.draw(key, outputs, temperature)

    def step(carry: ComposerCarry, frame: Float[Array, "K"]) -> tuple[ComposerCarry, Array]:
        bar = jax.nn.one_hot(carry.position % max(meter, 1), meter)
        x = jnp.concatenate([frame, jnp.zeros(1), bar])
        state, outputs = model.step(params, carry.model, x)
        return ComposerCarry(state, carry.position + 1), outputs

    outputs, state = model.unroll(params, inputs, model.start(params, ()))
    carry = ComposerCarry(state, jnp.int32(len(inputs)))
    return sample(step, SampleState(carry, outputs[-1], key), length, draw=draw)[1]


def nats_of_frames(
    model: SequenceModel, params: Params, frames: Bool[np.ndarray, "T K"], meter: int
) -> Float[np.ndarray, "T"]:
    """Return the nats of each frame of a piece."""

    @jax.jit
    def nats(params: Params, inputs: Float[Array, "T D"], frames: Array) -> Float[Array, "T"]:
        outputs, _ = model.unroll(params, inputs, model.start(params, ()))
        return model.distribution(params).nats(outputs, frames)

    return np.asarray(nats(params, frame_inputs(frames, meter), frames))

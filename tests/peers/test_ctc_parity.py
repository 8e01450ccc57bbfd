"""Parity with PyTorch's CTC loss in float64, value and gradient, with unequal lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from seqmodels.losses.ctc import ctc_loss

pytestmark = pytest.mark.peers

T, B, V, L = 120, 6, 20, 25


@pytest.mark.parametrize("blank", [0, 7])
def test_parity(blank):
    random = np.random.default_rng(blank)
    logits = 2.0 * random.normal(size=(T, B, V)).astype(np.float32)
    frames, lengths = random.integers(60, T + 1, B), random.integers(1, L + 1, B)
    labels = (blank + random.integers(1, 5, (B, L))) % V  # few symbols, so that they repeat
    theirs = torch.tensor(logits.astype(np.float64), requires_grad=True)
    arguments = torch.tensor(labels), torch.tensor(frames), torch.tensor(lengths)
    nats = torch.nn.functional.ctc_loss(
        theirs.log_softmax(-1), *arguments, blank=blank, reduction="none"
    )
    nats.sum().backward()

    def total(logits):
        mask = jnp.arange(T)[:, None] < jnp.asarray(frames)[None]
        label_mask = jnp.arange(L)[:, None] < jnp.asarray(lengths)[None]
        loss = ctc_loss(logits, mask, jnp.asarray(labels.T), label_mask, blank=blank)
        return jnp.sum(loss.nats), loss

    (_, loss), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(jnp.asarray(logits))
    assert loss.fits.all()
    np.testing.assert_allclose(loss.nats, nats.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), atol=3e-5)

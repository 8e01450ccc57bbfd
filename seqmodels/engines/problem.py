"""What every engine is given, and the masks, resets and clipping that all of them share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Carry, Cell, Linear, Noisy, Params, PyTree, Structured


class Problem(NamedTuple):
    """One call of ``unroll`` after its arguments were checked; time runs forwards."""

    cell: Cell
    params: Params
    xs: Any  # [T, *B, D], or Noisy of it
    carry: Carry
    mask: Bool[Array, "T *B"] | None = None
    resets: Bool[Array, "T *B"] | None = None
    clip: Any = None  # bound on every element of a carry's cotangent

    @property
    def length(self) -> int:
        return inputs_of(self.xs).shape[0]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return inputs_of(self.xs).shape[1:-1]

    @property
    def structured(self) -> Structured:
        assert isinstance(self.cell.form, Structured)
        return self.cell.form

    @property
    def linear(self) -> Linear:
        assert isinstance(self.cell.form, Linear)
        return self.cell.form

    @property
    def kernel(self) -> jax.ShapeDtypeStruct:
        """The recurrent kernel as ``prepare`` leaves it: its shape and dtype."""
        form = self.structured
        return jax.eval_shape(lambda p: form.kernel(form.prepare(p)), self.params)

    def start(self) -> Carry:
        return self.cell.start(self.params, self.batch_shape)


def inputs_of(xs: Any) -> Array:
    """The array of inputs, without the noise that may accompany it."""
    return xs.x if isinstance(xs, Noisy) else xs


def noise_of(xs: Any) -> PyTree:
    """The noise that accompanies an input; ``()`` where there is none."""
    return xs.noise if isinstance(xs, Noisy) else ()


def where(condition: Bool[Array, "*B"] | None, yes: PyTree, no: PyTree) -> PyTree:
    """``jnp.where`` over trees whose leaves are [*B, ...]; ``yes`` where there is no condition."""
    if condition is None:
        return yes

    def choose(a: Array, b: Array) -> Array:
        wide = jnp.expand_dims(condition, range(condition.ndim, a.ndim))
        return jnp.where(jnp.broadcast_to(wide, a.shape), a, b)

    return jax.tree.map(choose, yes, no)


def zeros_like(tree: PyTree) -> PyTree:
    """A tree of zeros."""
    return jax.tree.map(jnp.zeros_like, tree)


def clip_tree(tree: PyTree, bound: Any) -> PyTree:
    """Every element clipped to [-bound, bound]; the tree itself where there is no bound."""
    if bound is None:
        return tree
    return jax.tree.map(
        lambda a: jnp.clip(a, -jnp.asarray(bound, a.dtype), jnp.asarray(bound, a.dtype)), tree
    )


@jax.custom_vjp
def clip_cotangent(tree: PyTree, bound: Any) -> PyTree:
    """The identity, whose cotangent is clipped elementwise."""
    return tree


clip_cotangent.defvjp(
    lambda tree, bound: (tree, bound),
    lambda bound, cotangent: (clip_tree(cotangent, bound), jnp.zeros_like(bound)),
)


def split_time(tree: PyTree, length: int, chunk: int) -> tuple[PyTree, PyTree]:
    """``[T, ...] -> [T // K, K, ...]`` and the remaining ``[T % K, ...]``."""
    whole = length // chunk

    def head(a: Array) -> Array:
        return a[: whole * chunk].reshape(whole, chunk, *a.shape[1:])

    return jax.tree.map(head, tree), jax.tree.map(lambda a: a[whole * chunk :], tree)


def join_time(head: PyTree, tail: PyTree | None) -> PyTree:
    """``[N, K, ...]`` and ``[R, ...]`` back to ``[N*K + R, ...]``."""

    def flat(a: Array) -> Array:
        return a.reshape(a.shape[0] * a.shape[1], *a.shape[2:])

    if tail is None:
        return jax.tree.map(flat, head)
    return jax.tree.map(lambda a, b: jnp.concatenate([flat(a), b]), head, tail)

"""The problem that an engine solves; masks, clipping and chunks of time for all engines."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Carry, Cell, Linear, Noisy, Params, PyTree, Structured


class Problem(NamedTuple):
    """The checked arguments of one call of ``unroll``; time runs forwards."""

    cell: Cell
    params: Params
    xs: Any  # [T, *B, D] or a tree of such arrays, or ``Noisy`` around it
    carry: Carry
    mask: Bool[Array, "T *B"] | None = None
    resets: Bool[Array, "T *B"] | None = None
    clip: Any = None  # bound on each element of the carry's cotangent

    @property
    def length(self) -> int:
        return leading_axes(inputs_of(self.xs))[0]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return leading_axes(inputs_of(self.xs))[1:]

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
        """The shape and dtype of the recurrent kernel after ``prepare``."""
        form = self.structured
        return jax.eval_shape(lambda p: form.kernel(form.prepare(p)), self.params)

    def start(self) -> Carry:
        """Return the carry that a reset restores."""
        return self.cell.start(self.params, self.batch_shape)


def structured_refusal(problem: Problem) -> str | None:
    """Return why an engine for structured cells cannot run a problem, or ``None`` if it can."""
    if not isinstance(problem.cell.form, Structured):
        return "needs a structured cell (Cell.form), which this one is not"
    if not all(jnp.issubdtype(a.dtype, jnp.floating) for a in jax.tree.leaves(problem.carry)):
        return "needs a carry of floating-point arrays"
    return None


def inputs_of(xs: Any) -> Any:
    """Return the inputs without their noise."""
    return xs.x if isinstance(xs, Noisy) else xs


def is_array(xs: PyTree) -> bool:
    """Return whether a tree is a single array."""
    return jax.tree_util.all_leaves([xs])


def leading_axes(xs: PyTree) -> tuple[int, ...]:
    """Return ``[T, *B]`` of an array ``[T, *B, D]``, or of a tree with a leaf ``[T, *B]``."""
    if is_array(xs):
        return xs.shape[:-1]
    return min((jnp.shape(leaf) for leaf in jax.tree.leaves(xs)), key=len, default=())


def noise_of(xs: Any) -> PyTree:
    """Return the noise of an input, or ``()`` if it has none."""
    return xs.noise if isinstance(xs, Noisy) else ()


def where(condition: Bool[Array, "*B"] | None, yes: PyTree, no: PyTree) -> PyTree:
    """Apply ``jnp.where`` to trees of ``[*B, ...]`` leaves; without a condition return ``yes``."""
    if condition is None:
        return yes

    def choose(a: Array, b: Array) -> Array:
        wide = jnp.expand_dims(condition, range(condition.ndim, a.ndim))
        return jnp.where(jnp.broadcast_to(wide, a.shape), a, b)

    return jax.tree.map(choose, yes, no)


def zeros_like(tree: PyTree) -> PyTree:
    """Return a tree of zeros with the same shapes and dtypes."""
    return jax.tree.map(jnp.zeros_like, tree)


def clip_tree(tree: PyTree, bound: Any) -> PyTree:
    """Clip every element to ``[-bound, bound]``; without a bound return the tree unchanged."""
    if bound is None:
        return tree

    def clip(a: Array) -> Array:
        if a.dtype == jax.dtypes.float0:  # the cotangent of an integer
            return a
        return jnp.clip(a, -jnp.asarray(bound, a.dtype), jnp.asarray(bound, a.dtype))

    return jax.tree.map(clip, tree)


@jax.custom_vjp
def clip_cotangent(tree: PyTree, bound: Any) -> PyTree:
    """Return the tree unchanged and clip its cotangent elementwise."""
    return tree


clip_cotangent.defvjp(
    lambda tree, bound: (tree, bound),
    lambda bound, cotangent: (clip_tree(cotangent, bound), jnp.zeros_like(bound)),
)


def split_time(tree: PyTree, length: int, chunk: int) -> tuple[PyTree, PyTree]:
    """Split ``[T, ...]`` into ``[T // K, K, ...]`` and the remaining ``[T % K, ...]``."""
    whole = length // chunk

    def head(a: Array) -> Array:
        return a[: whole * chunk].reshape(whole, chunk, *a.shape[1:])

    return jax.tree.map(head, tree), jax.tree.map(lambda a: a[whole * chunk :], tree)


def join_time(head: PyTree, tail: PyTree | None) -> PyTree:
    """Join ``[N, K, ...]`` and ``[R, ...]`` to ``[N*K + R, ...]``, undoing ``split_time``."""

    def flat(a: Array) -> Array:
        return a.reshape(a.shape[0] * a.shape[1], *a.shape[2:])

    if tail is None:
        return jax.tree.map(flat, head)
    return jax.tree.map(lambda a, b: jnp.concatenate([flat(a), b]), head, tail)

"""Chunk lengths, and the properties that make chunks fast, counted in compiled programs."""

import math
import re
from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines.chunks import chunk_length
from seqmodels.unroll import unroll

SIZES = [(32, 50, 64), (32, 128, 128), (64, 128, 256)]
LARGE = SIZES[-1]
CELL_NAMES = ("rnn", "gru", "lstm")
DOT = re.compile(r"= \S+ dot\(.*lhs_contracting_dims=\{(\d)\}")
CALLED = re.compile(r"(?:calls|body|to_apply)=%?([\w.\-]+)")

cells_and_sizes = zoo.cases("name, size", product(CELL_NAMES, SIZES), [("lstm", LARGE)])
cells = zoo.cases("name", CELL_NAMES, ["lstm"])


@pytest.mark.parametrize(
    ("size", "steps"),
    [((16, 25, 32), 25), ((64, 100, 128), 10), ((64, 128, 256), 8), ((1, 512, 256), 512)],
)
def test_chunks_divide_the_length_and_fit_the_cache(size, steps):
    batch, length, hidden = size
    assert chunk_length(length, 4 * batch * 4 * hidden) == steps


@pytest.mark.parametrize("length", [1, 97, 1009])
def test_a_prime_length_has_a_shorter_last_chunk(length):
    assert chunk_length(length, 2**18) == min(max(length, 4), 8)  # Fused limits it to the length


@cache
def program(name, size, gradient):
    """Return the compiled forward pass, or loss and gradients of parameters and inputs."""
    batch, length, hidden = size
    cell = CELLS[name](hidden, hidden)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((length, batch, hidden), jnp.float32)
    forward = lambda p, x: unroll(cell, p, x, engine="fused")[0]  # noqa: E731
    loss = lambda p, x: jnp.sum(jnp.square(forward(p, x)))  # noqa: E731
    function = jax.value_and_grad(loss, (0, 1)) if gradient else forward
    return jax.jit(function).lower(params, xs).compile()


def computations(text):
    """Return the lines of each computation of an HLO module, by name."""
    found, name = {}, ""
    for line in text.splitlines():
        head = re.match(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{$", line)
        name = head.group(1) if head else name
        found.setdefault(name, []).append(line)
    return found


def with_callees(parts, name):
    """Return the lines of a computation and of all computations that it calls."""
    lines = list(parts[name])
    for line in parts[name]:
        for called in CALLED.findall(line):
            lines += with_callees(parts, called) if called in parts else []
    return lines


def loops(text):
    """Return the lines that each while loop runs, including the loops inside it."""
    parts = computations(text)
    bodies = re.findall(r" while\(.*body=%?([\w.\-]+)", text)
    return [with_callees(parts, body) for body in bodies]


def dots(lines):
    """Return the contracted axis of the left operand of every matmul."""
    return [int(axis) for axis in DOT.findall("\n".join(lines))]


@cells_and_sizes
def test_a_gradient_has_six_matmuls_one_of_them_in_each_loop_over_steps(name, size):
    text = program(name, size, gradient=True).as_text()
    assert len(dots(text.splitlines())) == 6  # x W, h U; dh, dx, dW, dU
    inner = [lines for lines in loops(text) if not any(" while(" in line for line in lines)]
    assert [len(dots(lines)) for lines in inner] == [1, 1]


@cells_and_sizes
def test_no_matmul_contracts_the_rows_of_its_left_operand(name, size):
    """XLA's CPU backend has no fast path for such a matmul."""
    assert set(dots(program(name, size, gradient=True).as_text().splitlines())) == {1}


def slices_of_dynamic_slices(lines):
    """Return the slices of a dynamic slice, also after elementwise operations on it."""
    rows, found = set(), []
    for line in lines:
        parsed = re.match(r"\s*(?:ROOT )?%([\w.\-]+) = \S+ ([\w\-]+)\(%?([\w.\-]+)", line)
        name, operation, operand = parsed.groups() if parsed else ("", "", "")
        if operation == "dynamic-slice" or (operation in ("bitcast", "add") and operand in rows):
            rows.add(name)
        if operation == "slice" and operand in rows:
            found.append(name)
    return found


@zoo.cases("name, size", product(CELL_NAMES, SIZES), [("gru", LARGE)])
def test_no_gate_is_sliced_from_a_dynamic_slice_in_the_forward_pass(name, size):
    """XLA does not vectorise code that reads a slice of a dynamic slice."""
    text = program(name, size, gradient=False).as_text()
    assert not any(slices_of_dynamic_slices(lines) for lines in computations(text).values())


def test_the_outputs_of_an_rnn_overwrite_its_projection():
    batch, length, hidden = LARGE
    compiled = program("rnn", LARGE, gradient=False)
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * batch * length * hidden / 8


@pytest.mark.parametrize("name", ["rnn", "irnn"])
def test_no_step_of_an_rnn_copies_all_outputs(name):
    """XLA copies them if it computes a cheap output twice, reading the row that it writes."""
    batch, length, hidden = LARGE
    text = program(name, LARGE, gradient=False).as_text()
    assert not re.findall(rf"f32\[{length},{batch},{hidden}\]\S* copy\(", text)


@zoo.cases("name, states", [("rnn", 4.5), ("lstm", 9.5), ("gru", 7.5)], [("lstm", 9.5)])
def test_a_gradient_stores_no_more_than_gates_and_states(name, states):
    memory = program(name, LARGE, gradient=True).memory_analysis()
    assert memory.temp_size_in_bytes <= states * 4 * math.prod(LARGE)


@cells
def test_a_forward_pass_never_stores_the_projection_of_all_steps(name):
    compiled = program(name, LARGE, gradient=False)
    shapes = re.findall(r"f32\[([\d,]+)\]", compiled.as_text())
    largest = max(math.prod(map(int, shape.split(","))) for shape in shapes)
    assert largest == math.prod(LARGE)
    assert compiled.memory_analysis().temp_size_in_bytes < 2**23


# Bytes relative to a [T, B, H] array, by size, of the forward pass and with gradients.  The body of
# a loop counts once.
BYTES = {
    "rnn": [(2.3, 26.1), (2.2, 25.7), (2.2, 15.4)],
    "lstm": [(7.7, 88.7), (3.8, 40.3), (2.5, 24.6)],
    "gru": [(6.2, 79.0), (3.3, 33.7), (2.2, 20.8)],
}
if jax.__version_info__ >= (0, 11):  # its XLA reads 1 to 16 % more for gradients
    BYTES = {
        "rnn": [(2.3, 30.2), (2.2, 29.8), (2.2, 16.5)],
        "lstm": [(7.7, 92.8), (3.8, 41.3), (2.5, 24.9)],
        "gru": [(6.2, 82.8), (3.3, 34.6), (2.2, 20.9)],
    }


@cells_and_sizes
def test_memory_traffic_does_not_increase(name, size):
    limits = BYTES[name][SIZES.index(size)]
    analyses = [program(name, size, gradient=g).cost_analysis() for g in (False, True)]
    touched = [a["bytes accessed"] / (4 * math.prod(size)) for a in analyses]
    assert all(found <= limit for found, limit in zip(touched, limits, strict=True)), touched

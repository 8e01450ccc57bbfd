"""What makes the fused engine fast, counted in the compiled program instead of timed."""

import math
import re
from functools import cache

import jax
import jax.numpy as jnp
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.unroll import unroll

SIZES = [(32, 50, 64), (32, 128, 128), (64, 128, 256)]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
DOT = re.compile(r"= \S+ dot\(.*lhs_contracting_dims=\{(\d)\}")
CALLED = re.compile(r"(?:calls|body|to_apply)=%?([\w.\-]+)")


@cache
def program(name, size, gradient):
    """The compiled forward pass, or loss and gradients of parameters and inputs."""
    batch, length, hidden = size
    cell = CELLS[name](hidden, hidden)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((length, batch, hidden), jnp.float32)
    forward = lambda p, x: unroll(cell, p, x, engine="fused")[0]  # noqa: E731
    loss = lambda p, x: jnp.sum(jnp.square(forward(p, x)))  # noqa: E731
    function = jax.value_and_grad(loss, (0, 1)) if gradient else forward
    return jax.jit(function).lower(params, xs).compile()


def computations(text):
    """The lines of each computation of an HLO module, by name."""
    found, name = {}, ""
    for line in text.splitlines():
        head = re.match(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{$", line)
        name = head.group(1) if head else name
        found.setdefault(name, []).append(line)
    return found


def reached(parts, name):
    """The lines of a computation and of all that it calls."""
    lines = list(parts[name])
    for line in parts[name]:
        for called in CALLED.findall(line):
            lines += reached(parts, called) if called in parts else []
    return lines


def loops(text):
    """All lines that each while loop runs, the loops inside it included."""
    parts = computations(text)
    bodies = re.findall(r" while\(.*body=%?([\w.\-]+)", text)
    return [reached(parts, body) for body in bodies]


def dots(lines):
    """The contracted axis of the left operand of every matmul."""
    return [int(axis) for axis in DOT.findall("\n".join(lines))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GATES)
def test_a_gradient_is_six_matmuls_one_of_them_in_each_loop_over_steps(name, size):
    text = program(name, size, gradient=True).as_text()
    assert len(dots(text.splitlines())) == 6  # x W, h U; dh, dx, dW, dU
    inner = [lines for lines in loops(text) if not any(" while(" in line for line in lines)]
    assert [len(dots(lines)) for lines in inner] == [1, 1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GATES)
def test_no_matmul_contracts_the_rows_of_its_left_operand(name, size):
    """Such a matmul misses XLA's fast path on CPU."""
    assert set(dots(program(name, size, gradient=True).as_text().splitlines())) == {1}


def cut_twice(lines):
    """Slices of what a dynamic slice gave, elementwise work between them aside."""
    rows, found = set(), []
    for line in lines:
        parsed = re.match(r"\s*(?:ROOT )?%([\w.\-]+) = \S+ ([\w\-]+)\(%?([\w.\-]+)", line)
        name, operation, operand = parsed.groups() if parsed else ("", "", "")
        if operation == "dynamic-slice" or (operation in ("bitcast", "add") and operand in rows):
            rows.add(name)
        if operation == "slice" and operand in rows:
            found.append(name)
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GATES)
def test_no_gate_is_cut_out_of_a_row_forwards(name, size):
    """XLA does not vectorise what reads a slice of a dynamic slice."""
    text = program(name, size, gradient=False).as_text()
    assert not any(cut_twice(lines) for lines in computations(text).values())


def test_an_rnns_outputs_take_the_place_of_its_projection():
    batch, length, hidden = size = (64, 128, 256)
    compiled = program("rnn", size, gradient=False)
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * batch * length * hidden / 8


@pytest.mark.parametrize("name", ["rnn", "irnn"])
def test_no_step_of_an_rnn_copies_all_outputs(name):
    """As XLA does where it computes a cheap output twice, reading the row that it writes."""
    batch, length, hidden = size = (64, 128, 256)
    text = program(name, size, gradient=False).as_text()
    assert not re.findall(rf"f32\[{length},{batch},{hidden}\]\S* copy\(", text)


@pytest.mark.parametrize(("name", "states"), [("rnn", 4.5), ("lstm", 9.5), ("gru", 7.5)])
def test_a_gradient_keeps_no_more_than_its_gates_and_states(name, states):
    batch, length, hidden = size = (64, 128, 256)
    memory = program(name, size, gradient=True).memory_analysis()
    assert memory.temp_size_in_bytes <= states * 4 * batch * length * hidden


@pytest.mark.parametrize("name", GATES)
def test_a_forward_pass_never_holds_the_projection_of_all_steps(name):
    batch, length, hidden = size = (64, 128, 256)
    compiled = program(name, size, gradient=False)
    shapes = re.findall(r"f32\[([\d,]+)\]", compiled.as_text())
    largest = max(math.prod(map(int, shape.split(","))) for shape in shapes)
    assert largest == batch * length * hidden
    assert compiled.memory_analysis().temp_size_in_bytes < 2**23


# By size: bytes over those of a [T, B, H] array, forwards and with the gradients.  A loop's body
# counts once.
BYTES = {
    "rnn": [(2.3, 26.1), (2.2, 25.7), (2.2, 15.4)],
    "lstm": [(7.7, 88.7), (3.8, 40.3), (2.5, 24.6)],
    "gru": [(6.2, 79.0), (3.3, 33.7), (2.2, 20.8)],
}
if jax.__version_info__ >= (0, 11):  # whose XLA needs 1 to 16 % more for gradients
    BYTES = {
        "rnn": [(2.3, 30.2), (2.2, 29.8), (2.2, 16.5)],
        "lstm": [(7.7, 92.8), (3.8, 41.3), (2.5, 24.9)],
        "gru": [(6.2, 82.8), (3.3, 34.6), (2.2, 20.9)],
    }


@pytest.mark.parametrize("name", GATES)
def test_no_pass_touches_more_bytes_than_it_did(name):
    for size, limits in zip(SIZES, BYTES[name], strict=True):
        analyses = [program(name, size, gradient=g).cost_analysis() for g in (False, True)]
        touched = [a["bytes accessed"] / (4 * math.prod(size)) for a in analyses]
        assert all(found <= limit for found, limit in zip(touched, limits, strict=True)), touched

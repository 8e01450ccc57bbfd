"""Compiling the kernels, finding them again, and telling XLA about them."""

import ctypes
import hashlib
import os
import platform
import shlex
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import jax
import jaxlib

from seqmodels.errors import UserError

SOURCE = Path(__file__).with_name("steps.cc")
WAYS = "forwards_float32", "forwards_bfloat16", "backwards"
TARGETS = [f"seqmodels_{cell}_{way}" for cell in ("lstm", "gru", "rnn", "irnn") for way in WAYS]
FLAGS = ["-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]


def build() -> Path:
    """Compile the kernels for this machine; ``$CXX`` names the compiler, else ``c++`` is taken."""
    compiler = os.environ.get("CXX") or "c++"
    path = library_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make {path.parent} ({error.strerror}): name another place by XDG_CACHE_HOME="
        ) from None
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        command = [*shlex.split(compiler), *FLAGS, "-isystem", jax.ffi.include_dir(), str(SOURCE)]
        try:
            done = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True)
        except OSError as error:
            raise UserError(
                f"no C++ compiler: {compiler} cannot be run ({error.strerror}); install one "
                "(Debian: apt install g++; macOS: xcode-select --install) or name it: CXX=/path"
            ) from None
        if done.returncode:
            first = next((line for line in done.stderr.splitlines() if "error" in line), "")
            why = first or done.stderr.strip()[:200] or f"exit status {done.returncode}"
            raise UserError(f"{compiler} cannot compile {SOURCE}: {why}; name another by CXX=")
        made.replace(path)
    library.cache_clear()
    return path


def remove() -> list[Path]:
    """Delete what was compiled on this machine; returns what that was."""
    found = sorted(library_path().parent.glob("*.so"))
    for path in found:
        path.unlink()
    library.cache_clear()
    return found


def library_path() -> Path:
    """Where the kernels of this source, this JAX and this processor lie."""
    import pooch  # here, since importing seqmodels is to be quick

    processor = platform.machine() + platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    sources = [SOURCE, *sorted(SOURCE.parent.glob("*.h"))]
    parts = [*(path.read_text() for path in sources), processor, jaxlib.__version__, *FLAGS]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return pooch.os_cache("seqmodels") / "native" / f"{key}.so"


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, registered with XLA; ``None`` where they were not compiled."""
    return registered() if library_path().exists() else None


@cache
def registered() -> ctypes.CDLL:
    """The kernels that this process registered first: XLA takes a name no second time."""
    found = load(library_path())
    for target in TARGETS:
        jax.ffi.register_ffi_target(
            target, jax.ffi.pycapsule(getattr(found, target)), platform="cpu"
        )
    return found


def load(path: Path) -> ctypes.CDLL:
    """A compiled file, which may not be one."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UserError(
            f"cannot load {path} ({error}): compile it again, python -m seqmodels.engines.native"
        ) from None


def constant(name: str) -> int:
    """A number of the compiled kernels', which weights are laid out for."""
    return getattr(library(), f"seqmodels_{name}")()

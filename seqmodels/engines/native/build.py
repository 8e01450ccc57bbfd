"""Compilation, loading and registration of the kernels."""

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
PASSES = "forward_float32", "forward_bfloat16", "backward"
TARGETS = [f"seqmodels_{cell}_{name}" for cell in ("lstm", "gru", "rnn", "irnn") for name in PASSES]
FLAGS = ["-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]


def build() -> Path:
    """Compile the kernels for this machine with ``$CXX`` or ``c++``; return the library's path."""
    path = library_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create {path.parent} ({error.strerror}); set XDG_CACHE_HOME= to another folder"
        ) from None
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        output = Path(folder) / path.name
        compile_source(os.environ.get("CXX") or "c++", output)
        output.replace(path)  # atomic, so that no other process loads an incomplete file
    library.cache_clear()
    return path


def compile_source(compiler: str, output: Path) -> None:
    """Compile ``SOURCE`` to ``output``; raise ``UserError`` if the compiler is missing or fails."""
    command = [*shlex.split(compiler), *FLAGS, "-isystem", jax.ffi.include_dir(), str(SOURCE)]
    try:
        result = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)
    except OSError as error:
        raise UserError(
            f"no C++ compiler: cannot run {compiler} ({error.strerror}); install one "
            "(Debian: apt install g++; macOS: xcode-select --install) or name it: CXX=/path"
        ) from None
    if result.returncode:
        first = next((line for line in result.stderr.splitlines() if "error" in line), "")
        reason = first or result.stderr.strip()[:200] or f"exit status {result.returncode}"
        raise UserError(
            f"{compiler} cannot compile {SOURCE}: {reason}; name another compiler: CXX=/path"
        )


def remove() -> list[Path]:
    """Delete all compiled kernels of this machine and return their paths."""
    paths = sorted(library_path().parent.glob("*.so"))
    for path in paths:
        path.unlink()
    library.cache_clear()
    return paths


def library_path() -> Path:
    """Return the path of the kernels for this source, this jaxlib and this processor."""
    import pooch  # here, so that importing seqmodels stays fast

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
    """Return the compiled kernels, registered with XLA, or ``None`` if there are none."""
    return register() if library_path().exists() else None


@cache
def register() -> ctypes.CDLL:
    """Load the kernels and register them with XLA, which accepts each name only once a process."""
    kernels = load(library_path())
    for target in TARGETS:
        capsule = jax.ffi.pycapsule(getattr(kernels, target))
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return kernels


def load(path: Path) -> ctypes.CDLL:
    """Load a compiled library; raise ``UserError`` if the file is damaged."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UserError(
            f"cannot load {path} ({error}); compile it again: python -m seqmodels.engines.native"
        ) from None


def constant(name: str) -> int:
    """Return a constant of the compiled kernels that determines the layout of the weights."""
    return getattr(library(), f"seqmodels_{name}")()

# Every target works on a fresh machine with make and Python 3.11 or newer; the first one creates .venv.

is_recent := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p $(is_recent) 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadgroup
ARGS :=

.PHONY: help run native test test-all test-peers lint docs bench clean

help: ## list the targets; ARGS="..." is passed to run, native, test, test-peers and bench
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: .venv/dev ## train a character model for two minutes, then print a sample
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(BIN)/python -m experiments.char_generation $(ARGS)

native: .venv/dev ## compile the kernels of LSTM, GRU and RNN for this CPU; needs a C++ compiler
	$(BIN)/python -m seqmodels.engines.native $(ARGS)

test: lint ## lint, types, and the tests that need no peer library
	$(PYTEST) $(ARGS)

test-all: .venv/dev docs ## exhaustive grids, a part with XLA's default flags, generated documents
	$(PYTEST) -m 'exhaustive and not peers' $(ARGS)
	SEQMODELS_TEST_XLA=default $(PYTEST) tests/test_contract.py tests/experiments/sentiment $(ARGS)

test-peers: .venv/bench ## parity with PyTorch and other peer libraries, which it installs
	$(PYTEST) -m peers $(ARGS)

lint: .venv/dev ## format, lint and types only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/dev ## API reference in build/docs; fails if a generated document is out of date
	@# pdoc does not resolve forward references between NamedTuples; every other warning is an error.
	JAX_PLATFORMS=cpu $(BIN)/python -W error \
		-W 'ignore:Error parsing type annotation ForwardRef' -m pdoc \
		--docformat restructuredtext --output-directory build/docs seqmodels '!.*__main__'
	$(BIN)/python -m experiments results --check

bench: .venv/bench ## speed next to the peers, in one run, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the environment and all caches; runs/ stays
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/dev: extras := dev
.venv/bench: extras := dev,bench
.venv/dev .venv/bench: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) $(is_recent) || { echo "seqmodels needs Python 3.11 or newer:" \
		"install it, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(extras)]'
	@touch $@

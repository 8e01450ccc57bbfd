# Each target works on a fresh machine with make and Python 3.11 or newer: the first use makes .venv.

is_recent := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p $(is_recent) 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadgroup
ARGS :=

.PHONY: help run native test lint test-peers bench clean

help: ## list the targets; ARGS="..." is passed on to run, test, test-peers and bench
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: .venv/dev ## train a character model for two minutes, then let it write
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(BIN)/python -m experiments.char_generation $(ARGS)

native: .venv/dev ## compile LSTM, GRU and RNN for this machine's CPU; needs a C++ compiler
	$(BIN)/python -m seqmodels.engines.native $(ARGS)

test: lint ## the linter, the type checker, and every test that needs no peer library
	$(PYTEST) $(ARGS)

lint: .venv/dev ## format, lint and types alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-peers: .venv/bench ## parity with PyTorch and other peer libraries, which it installs
	$(PYTEST) -m peers $(ARGS)

bench: .venv/bench ## speed beside the peers, in one run, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the environment and all caches; runs/ stays
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/dev: extras := dev
.venv/bench: extras := dev,bench
.venv/dev .venv/bench: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) $(is_recent) || { echo "seqmodels needs Python 3.11 or newer:" \
		"install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(extras)]'
	@touch $@

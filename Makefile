# Each target sets up what it needs and nothing more; the second time set-up costs nothing. `make help` lists them.
#
#   PYTHON=/path/to/python3.11   which interpreter the virtual environment is made from
#   VENV=.venv                   where it lies
#   DEMO=--seed\ 7               arguments for `make demo`
#   TESTERS=3                    processes that `make test` runs its files in: half of their time they wait for blocks

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV ?= .venv
TESTERS ?= 3
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
# Node from the PyPI wheel, when the machine has none that is new enough (scripts/node.py)
NODE_BIN := $(abspath $(VENV))/node/bin
export PATH := $(NODE_BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images of containers like to set it; every worker that a test or a demo starts would then compile tensorgrid once more,
# a third of its start
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?=
# The version that constraints.txt was resolved with comes first.
PYTHONS := $(PYTHON) python3.11 python3.12 python3 python3.13 python3.14 python
IS_GOOD_PYTHON := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")
PIP_INSTALL := $(BIN)/python -m pip install -qq --constraint constraints.txt

.PHONY: help demo test chaos test-hostile test-cheats test-stories sandbox-probes test-ipfs test-deep mutation bench-gas bench-capability bench-distance economics lint typecheck layers pytest wheel test-wheel docs clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: $(STAMPS)/run ## the whole story on this machine: five workers, one of them a liar
	@$(BIN)/tensorgrid demo $(DEMO)

test: lint typecheck layers pytest ## everything that must be green

lint: $(STAMPS)/dev ## ruff
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "tensorgrid: some files are not formatted: run $(BIN)/ruff format ." >&2; exit 1; }

typecheck: $(STAMPS)/dev ## mypy --strict
	@$(BIN)/mypy

layers: $(STAMPS)/dev ## which package may import which
	@$(BIN)/lint-imports --no-logo >$(STAMPS)/layers.log || { cat $(STAMPS)/layers.log; exit 1; }

pytest: $(STAMPS)/dev node_modules/.package-lock.json toolchain ## the tests alone; ARGS=... goes to pytest
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-ipfs: $(STAMPS)/dev node-on-path ## the stores against a real IPFS daemon (its first set-up downloads 300 MB)
	@$(BIN)/python scripts/ipfs_daemon.py -- $(BIN)/python -m pytest -m ipfs $(ARGS)

bench-gas: $(STAMPS)/run node_modules/.package-lock.json ## what every call costs, beside other networks; ARGS=--accept makes it the tests' baseline
	@$(BIN)/python scripts/bench_gas.py $(ARGS)

bench-capability: $(STAMPS)/run ## how near the worker's benchmark comes to plain PyTorch on this machine; ARGS=--seconds\ 20
	@$(BIN)/python scripts/bench_capability.py $(ARGS)

economics: $(STAMPS)/run ## what cheating in an audited job is worth, from the shipped parameters: docs/economics.md and its plots
	@$(BIN)/python scripts/economics.py $(ARGS)

bench-load: $(STAMPS)/run node_modules/.package-lock.json ## how many jobs a worker carries, and what it costs; ARGS=--only\ throughput
	@$(BIN)/python scripts/bench_load.py $(ARGS)

bench-audit: $(STAMPS)/run node_modules/.package-lock.json ## what a trace costs a training job, whether an honest one is ever accused, and a cheat always caught; ARGS=--only\ overhead
	@$(BIN)/python scripts/bench_audit.py $(ARGS)

bench-distance: $(STAMPS)/run ## how far honest ends of a segment lie apart across settings of unlike machines, and those of cheats; ARGS=--only\ mlp
	@$(BIN)/python scripts/bench_distance.py $(ARGS)

test-deep: $(STAMPS)/dev $(STAMPS)/deep-tools node_modules/.package-lock.json toolchain ## the contracts at length: fuzzing, coverage, proofs, slither; CHECK=...
	@$(BIN)/python scripts/deep/check.py $(CHECK)

mutation: $(STAMPS)/dev $(STAMPS)/deep-tools node_modules/.package-lock.json toolchain ## would the tests of the ledgers and the board notice a fault? ARGS=...
	@$(BIN)/python scripts/mutation.py $(ARGS)

chaos: $(STAMPS)/dev node_modules/.package-lock.json ## 900 workers that die at every step and 100 real kill -9, with every fault there is: no wei is lost; ARGS=--seed\ 7
	@$(BIN)/python scripts/chaos.py $(ARGS)

test-hostile: $(STAMPS)/dev ## 10,000 generated specs, archives, tensors, outputs and answers of nodes
	@TENSORGRID_HOSTILE=10000 $(BIN)/python -m pytest -q tests/worker/test_hostile_bytes.py

test-cheats: $(STAMPS)/dev node_modules/.package-lock.json ## every cheat that an audited job invites, tried on a running network
	@$(BIN)/python -m pytest -q -m cheats tests/network $(ARGS)

test-stories: $(STAMPS)/dev node_modules/.package-lock.json toolchain ## what `make test` leaves to shorter tests: long demos, every way to interrupt one, more kinds of model
	@$(BIN)/python -m pytest -q -m stories tests $(ARGS)

sandbox-probes: $(STAMPS)/run ## try to break out of the sandbox, each attack first without it; ARGS=--sandbox\ none shows what no sandbox means
	@$(BIN)/python scripts/sandbox_probes.py $(ARGS)

wheel: $(STAMPS)/build-tools ## dist/tensorgrid-*.whl
	@rm -rf dist
	@PYTHONPATH=$(VENV)/build-tools $(BIN)/python -m hatchling build --target wheel --directory dist

test-wheel: wheel ## install that wheel into a fresh environment and run its demo from an empty folder
	@$(BIN)/python scripts/check_wheel.py dist

docs: $(STAMPS)/docs ## the documentation site, into build/site
	@$(BIN)/mkdocs build --quiet --strict --site-dir build/site

clean: ## remove everything that was made here
	rm -rf $(VENV) node_modules build dist .build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find sdk worker tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------------------- set-up

$(STAMPS)/venv:
	@if ! $(BIN)/python -c '$(IS_GOOD_PYTHON)' >/dev/null 2>&1; then \
	  found=; for candidate in $(PYTHONS); do \
	    if "$$candidate" -c '$(IS_GOOD_PYTHON)' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "tensorgrid needs CPython 3.11 or newer with its venv module: install python3.11 and python3.11-venv, or say make PYTHON=/path/to/python3.11." >&2; \
	    exit 1; \
	  fi; \
	  rm -rf $(VENV); "$$found" -m venv $(VENV); \
	fi
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml constraints.txt
	@echo "tensorgrid: installing into $(VENV) (once; a few minutes)" >&2
	@$(PIP_INSTALL) --editable '.[devnet,worker]' || $(NO_INDEX)
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run $(STAMPS)/build-tools
	@echo "tensorgrid: installing what the tests need (once)" >&2
	@$(PIP_INSTALL) --editable '.[devnet,worker,dev]' || $(NO_INDEX)
	@touch $@

# hatchling and eth-ape want different versions of packaging, so the builder lies beside the environment, not in it
$(STAMPS)/build-tools: $(STAMPS)/venv
	@$(BIN)/python -m pip install -qq --target $(VENV)/build-tools --upgrade 'hatchling>=1.27,<2' || $(NO_INDEX)
	@touch $@

# The provers want other versions of web3 than ape, so they have an environment of their own
$(STAMPS)/deep-tools: $(STAMPS)/venv scripts/deep/requirements.txt
	@echo "tensorgrid: installing halmos, slither and universalmutator into $(VENV)/deep-tools (once)" >&2
	@$(BIN)/python -m venv $(VENV)/deep-tools
	@$(VENV)/deep-tools/bin/python -m pip install -qq --requirement scripts/deep/requirements.txt || $(NO_INDEX)
	@touch $@

$(STAMPS)/docs: $(STAMPS)/dev
	@$(PIP_INSTALL) --editable '.[docs]' || $(NO_INDEX)
	@touch $@

NO_INDEX = { echo "tensorgrid: pip could not install what is needed: check that the Python package index can be reached, then run make again." >&2; exit 1; }

.PHONY: node-on-path toolchain
node-on-path: $(STAMPS)/run
	@$(BIN)/python scripts/node.py $(NODE_BIN)

# npm writes this file last. Not `npm ci`: it refuses a lock file written where other platforms' binaries were not to be had
node_modules/.package-lock.json: package.json package-lock.json | node-on-path
	@npm install --no-save --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 || \
	  { echo "tensorgrid: npm could not install solc, anvil and OpenZeppelin: check that the npm registry can be reached, then run make again." >&2; exit 1; }
	@touch $@

# ape finds anvil on PATH, so the real programs are linked there; npm's own launcher of forge exits 0 when tests fail
toolchain: node_modules/.package-lock.json | node-on-path
	@for program in node_modules/@foundry-rs/*-*/bin/*; do ln -sf "$(CURDIR)/$$program" $(BIN)/; done
	@$(BIN)/python scripts/install_solc.py

# One target for each thing a person does; `make` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
PYTHON  ?= python3
DURATION ?=
SEED ?=
LONG ?=
PYTEST_ARGS ?=
WORKERS ?= $(shell $(BIN)/python -c 'import os; print(min(os.cpu_count() or 1, 8))')
BENCH_ARGS ?=
DASHBOARD_ARGS ?=
W ?= w1
RUNS ?= 3
ONLY ?=

# A process for each core; each has a Kafka and a PostgreSQL of its own (about 1 GB together), hence no more than 8. A file
# stays in one process, for its fixtures; the order of `testpaths` is kept, which begins with what takes longest, so that
# none is alone at the end with a long file.
SPREAD := --dist loadfile --no-loadscope-reorder

# Ctrl-C is how `demo` and `up` are meant to end (130 is the shell's code for it): make must not call that an error.
run = $(1) || { code=$$?; [ $$code -eq 130 ] || exit $$code; }

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## make .venv with everything at its locked version (needs Python >= 3.11)

$(STAMP): pyproject.toml requirements/dev.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)' on PATH. Install Python 3.11 or newer, or name it: make setup PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), ironstream needs 3.11 or newer: make setup PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	$(BIN)/python -m ironstream.kernels
	@touch $@

.PHONY: demo
demo: $(STAMP) ## a simulated plant through the whole system until Ctrl-C, or for DURATION seconds
	@$(call run,$(BIN)/ironstream demo $(if $(DURATION),--duration $(DURATION)))

.PHONY: up
up: $(STAMP) ## everything of topology.yaml on this machine, Kafka included, until Ctrl-C
	@$(call run,$(BIN)/ironstream up)

.PHONY: test
test: $(STAMP) ## every test; PYTEST_ARGS="-k name -x" narrows it, "-n 0" runs it in one process, for -s and --pdb
	$(BIN)/pytest -n $(WORKERS) $(SPREAD) $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: $(STAMP) ## the pages in a real Chromium (apt install chromium chromium-driver); PYTEST_ARGS="--basetemp=DIR" keeps pictures
	$(BIN)/pytest -n 0 tests/browser $(PYTEST_ARGS)

.PHONY: faults
faults: $(STAMP) ## every fault that can be survived, for DURATION seconds (600); SEED=… repeats the same schedule
	$(BIN)/python -m tests.support.faults.campaign $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION))

.PHONY: faults-sinks
faults-sinks: $(STAMP) ## the same for sinks and their targets; LONG=1: first a database that is away for ten minutes
	$(BIN)/python -m tests.support.faults.sinks $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION)) $(if $(LONG),--long)

.PHONY: check
check: $(STAMP) ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(STAMP) ## measure this machine; BENCH_ARGS goes to `ironstream bench`
	$(BIN)/ironstream bench $(BENCH_ARGS)

.PHONY: bench-peers
bench-peers: $(STAMP) ## the comparison with other stream processors: W=w1|w2|w3 RUNS=3 ONLY=flink,… (needs a JDK 17, Maven)
	$(BIN)/python -m benchmarks.compare $(W) --rounds $(RUNS) $(if $(ONLY),--only $(ONLY)) $(BENCH_ARGS)

PEERS := benchmarks/peers

.PHONY: peers-venv
peers-venv: $(PEERS)/.venv/.installed ## make the environment of the Python systems that the benchmarks compare with

$(PEERS)/.venv/.installed: $(PEERS)/python/requirements-peers.txt
	$(PYTHON) -m venv $(PEERS)/.venv
	$(PEERS)/.venv/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: lock
lock: $(STAMP) ## resolve the dependencies anew into requirements/*.txt; LOCK_ARGS=--upgrade takes newer ones
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt
	@! grep -nE '://|index-url|find-links' requirements/*.txt || { echo "a lock must name no host"; exit 1; }

.PHONY: lock-peers
lock-peers: $(STAMP) ## resolve what the Python peers of the benchmarks need anew
	$(subst make lock,make lock-peers,$(LOCK)) $(PEERS)/python/requirements-peers.in -o $(PEERS)/python/requirements-peers.txt
	@! grep -nE '://|index-url|find-links' $(PEERS)/python/*.txt || { echo "a lock must name no host"; exit 1; }

.PHONY: lock-jars
lock-jars: $(STAMP) ## resolve the jars of the embedded Kafka and of the tests' Java servers anew, with checksums; ONLY=milo,…
	$(BIN)/python scripts/lock_jars.py $(ONLY)

.PHONY: dashboards
dashboards: $(STAMP) ## write deploy/grafana/dashboards anew; DASHBOARD_ARGS="--schema … --sizes 1s,1min"
	$(BIN)/python -m deploy.grafana.build $(DASHBOARD_ARGS)

.PHONY: clean
clean: ## remove .venv and everything that tools left behind
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

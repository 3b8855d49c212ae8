# What a newcomer needs: `make demo`, then `make test`. Each does all of its own set-up, in .venv and .state.
PYTHON ?= python3
RUN := .venv/bin/python

.PHONY: help demo test lint bench prove lock sbom clean

help: ## Say what there is.
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: .venv/ready ## A day of messages through the whole hub on Apache Kafka, then who got what and why not.
	@$(RUN) deploy/demo

test: .venv/ready ## The whole suite; tests on Apache Kafka too where Java and Maven (or their jars) are at hand.
	@$(RUN) -m pytest

lint: .venv/ready ## Style, types, import directions, the catalog, and whether derived files are up to date.
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check -q .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(RUN) -m hub check
	@$(RUN) -m hub sync --check

bench: .venv/ready ## Measurements, each as a ratio against a baseline in the same run.
	@$(RUN) -m tests.bench.hl7
	@$(RUN) -m tests.bench.identity
	@$(RUN) -m tests.bench.relay
	@$(RUN) -m tests.bench.arrival

prove: .venv/ready ## The campaigns too long for `make test`: the same tests with larger counts, and defects seeded into the gate.
	@HUB_PROVE=1 $(RUN) -m pytest tests/properties tests/broker tests/flow --timeout=3600
	@HUB_PROVE=1 $(RUN) -m tests.mutations

lock: .venv/ready ## Pin what pyproject.toml asks for, with hashes.
	@$(RUN) deploy/lock.py

sbom: .venv/ready ## Write the image's bill of materials, deploy/sbom.cdx.json, from the lock (after `make lock`).
	@$(RUN) deploy/sbom.py

clean: ## Take away what the targets above made.
	@if [ -x $(RUN) ]; then $(RUN) -m hub kafka down >/dev/null 2>&1 || true; fi
	@rm -rf .venv .state dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/ready: deploy/requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …")'
	@echo "setting up .venv (once)"
	@$(PYTHON) -m venv --clear .venv || { echo "no venv could be made: on Debian, apt-get install python3-venv"; exit 1; }
	@$(RUN) -m pip install -q --disable-pip-version-check --require-hashes -r deploy/requirements-dev.lock
	@$(RUN) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/ready

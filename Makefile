# Two commands do all on a fresh machine:
#   make quickstart   makes the environment and runs the main job, offline
#   make test         makes the environment and passes the tests
# A laptop without a GPU avoids gigabytes of CUDA packages with TORCH_INDEX=<the index that pytorch.org/get-started shows for CPU>.

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n $(JOBS)
SETTINGS := pyproject.toml constraints.txt

.PHONY: quickstart test test-all check docs clean

quickstart: $(VENV)/.afinar
	$(BIN)/afinar quickstart

test: $(VENV)/.dev
	$(PYTEST) -m "not slow and not gpu"

test-all: $(VENV)/.dev
	$(PYTEST) -m "not gpu"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python -m afinar.cli.reference

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# PyTorch first, by its pinned version: later installs then keep the build that is there.
$(VENV)/.torch: $(SETTINGS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	touch $@

$(VENV)/.afinar: $(VENV)/.torch
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.torch
	$(PIP) -e ".[dev]"
	touch $@ $(VENV)/.afinar

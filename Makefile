# Two commands matter: `make rates` and `make test`. Each builds .venv first if it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Tests run on all cores already: threads of linear algebra would only fight over them.
test test-all: export OPENBLAS_NUM_THREADS := 1

.PHONY: rates test test-all figures report variance bench check env clean

rates: $(READY)
	$(BIN)/zpg rates $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 -m "slow or not slow" $(ARGS)

figures: $(READY)
	$(BIN)/zpg figures $(ARGS)

report: $(READY)
	$(BIN)/zpg report $(ARGS)

variance: $(READY)
	$(BIN)/zpg variance $(ARGS)

bench: $(READY)
	$(BIN)/python tests/benchmarks $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

env: $(READY)

# Stamped only when the install has finished, so a broken one is built again.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"zpg needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}; write make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) results

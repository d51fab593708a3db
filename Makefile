# Two commands matter: `make rates` and `make test`. Each builds .venv first if it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Pins with the hashes of every file, for all supported versions of Python and all systems. No index is named.
COMPILE = pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml
DOCS   := $(VENV)/.docs-ready

# Tests run on all cores already: threads of linear algebra would only fight over them.
test test-all coverage: export OPENBLAS_NUM_THREADS := 1

.PHONY: rates test test-all figures report variance bench coverage mutation check docs env lock clean

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

# Lines and branches of the four packages that the tests run; it fails below the share in pyproject.toml.
coverage: $(READY)
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term-missing:skip-covered $(ARGS)

# Share of small faults that the tests see; ARGS="theory --most 100 --seed 1", and so on.
mutation: $(READY)
	$(BIN)/python tests/mutation.py $(ARGS)

# Warnings are errors. The first page is docs/_build/html/index.html.
docs: $(DOCS)
	$(BIN)/sphinx-build -q -W --keep-going -n docs docs/_build/html $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

env: $(READY)

# Stamped only when the install has finished, so a broken one is built again.
$(READY): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"zpg needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}; write make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

# What the pages need is installed the first time that they are built: the tests do without it.
$(DOCS): $(READY) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-docs.lock
	touch $(DOCS)

# After a change of dependencies. Versions that are pinned stay; ARGS=--upgrade takes the newest.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv==0.13.9
	$(VENV)-lock/bin/uv $(COMPILE) --extra dev --output-file requirements.lock $(ARGS)
	$(VENV)-lock/bin/uv $(COMPILE) --extra docs --constraint requirements.lock --output-file requirements-docs.lock $(ARGS)
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) results docs/_build docs/gallery

# `make demo` and `make test` need Python 3.11 and pip, nothing else; both set up .venv once.
# TORCH_INDEX_URL: where pip finds the CPU build of torch, if not in the configured index (see README.md).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
CONSTRAINTS := constraints/cpu.txt
STAMP := $(VENV)/.set-up
ARGS ?=
# Two workers: while a test of one waits for a process or a clock, the other computes. Whole files go to a worker.
TWO := -n 2 --dist loadfile --no-loadscope-reorder

# Where no bytecode is kept, each of the some thousand processes of the tests compiles this package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test lint fast slow clean

setup: $(STAMP)

$(STAMP): $(CONSTRAINTS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "acereason: Python 3.11 is needed, PYTHON=$(PYTHON) is " + sys.version.split()[0])'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "acereason: installing into $(VENV) (about two minutes, once)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps \
		$(if $(TORCH_INDEX_URL),--extra-index-url $(TORCH_INDEX_URL)) -r $(CONSTRAINTS) \
		|| { echo "acereason: the install failed. If pip found no torch==2.13.0+cpu, set TORCH_INDEX_URL to an index that holds PyTorch's CPU builds." >&2; exit 1; }
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup
	@$(VENV)/bin/acereason train $(ARGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

fast: setup
	$(VENV)/bin/pytest -q -m "not slow" $(TWO)

slow: setup
	$(VENV)/bin/pytest -q -m slow $(TWO)

test: lint
	$(VENV)/bin/pytest -q --durations=15 $(TWO)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

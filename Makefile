# Two commands matter: `make demo` and `make test`. Both set up what they need.
PACKAGES := . plugins/mammo_data plugins/mammo_density plugins/mammo_findings plugins/mammo_localization
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first interpreter that is a supported Python; `make PYTHON=... install` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help install demo test test-backend fast docs bench lint format clean

help:
	@echo 'make demo     train, fuse and compare three mammography models on synthetic exams (about 10 minutes)'
	@echo 'make test     style, types and all tests'
	@echo 'make install  make .venv with the library and the four plugins, editable'
	@echo 'make docs     the pages as HTML in build/docs; a warning is an error'
	@echo 'make test-backend BACKEND=jax  the tests that pass on every Keras backend, on JAX or torch'
	@echo 'make bench    every benchmark, into docs/benchmarks.md (up to 40 minutes, and installing peers the first time)'
	@echo 'make fast     the tests that take under a second each'

install: $(STAMP)

$(STAMP): constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml)
	@test -n "$(PYTHON)" || { echo 'error: no Python 3.11, 3.12 or 3.13 with venv found; name one: make PYTHON=... install'; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt 'setuptools>=77' wheel
	$(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -e '.[keras,onnx,runtime,dask,detection,tensorboard,dev,docs]' $(foreach p,$(filter-out .,$(PACKAGES)),-e $(p))
	@touch $@

demo: install
	$(BIN)/taskfusion demo

test: install lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# A second environment sees the packages of the first, so only the backend itself is installed into it.
BACKEND ?= jax
OTHER := .venv-$(BACKEND)

$(OTHER)/.installed: $(STAMP)
	test -x $(OTHER)/bin/python || $(BIN)/python -m venv $(OTHER)
	first=$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
	own=$$($(OTHER)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
	echo "import site; site.addsitedir('$$first')" > $$own/first.pth
	$(OTHER)/bin/python -m pip install -q -c constraints.txt $(BACKEND)
	@touch $@

test-backend: $(OTHER)/.installed
	KERAS_BACKEND=$(BACKEND) $(OTHER)/bin/python -m pytest -m backend

fast: install
	$(BIN)/python -m pytest -m 'not slow'

docs: install
	$(BIN)/python -m sphinx -q -E -W --keep-going docs build/docs
	@echo 'open build/docs/index.html'

# SECTIONS=peers runs one of them; each peer gets an environment of its own in build/bench/venvs.
bench: install
	PYTHONPATH=benchmarks $(BIN)/python -m bench $(if $(SECTIONS),--only $(SECTIONS))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

clean:
	rm -rf $(VENV) .venv-* build/docs

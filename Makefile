# Everything a newcomer needs: `make report`, `make test`, `make setup`, `make lab`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_PROCESSES ?= 2
export SPOTLIB_BATCH ?= $(if $(CI),1,)

.PHONY: help setup report test lab lock bench-docs clean

help:
	@echo "make setup   create $(VENV) from requirements.lock"
	@echo "make report  run the whole workbook on the demo twin -> results/demo/report.html"
	@echo "make test    all checks and tests"
	@echo "make lab     JupyterLab with the notebooks"
	@echo "make clean   remove results of the demo and caches (not the environment)"

setup: $(VENV)/.installed

# Installed again when the lock or pyproject.toml is newer than the stamp.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 14) else 'spotlib needs Python 3.11 to 3.13, this is ' + sys.version.split()[0] + '; call make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# 190 MB that only the tests of the GPU's kernels want.
$(VENV)/.kernels: requirements-kernels.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-kernels.lock
	@touch $@

report: setup
	$(BIN)/spotlib run demo

# Numba compiles while the texts are checked, so that the processes of pytest need not all do it. A file's tests stay in
# one process, since they share what takes long to make; the longest files begin (tests/conftest.py).
test: setup $(VENV)/.kernels
	$(BIN)/python -m tests.compiled & compiled=$$!; \
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy; checked=$$?; \
	wait $$compiled && exit $$checked
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

lab: setup
	$(BIN)/jupyter lab --notebook-dir notebooks --ip 127.0.0.1 $(if $(filter 0,$(shell id -u)),--allow-root)

# Maintainers: tables and plots of docs/performance.md from the committed measurements (`spotlib bench --json FILE`).
bench-docs: setup
	$(BIN)/spotlib bench table docs/performance/*.json --into docs/performance.md
	$(BIN)/spotlib bench plots docs/performance/*.json --out docs/performance

# Maintainers: rewrite the lock from the current environment.
lock:
	$(BIN)/python -m pip freeze --exclude-editable --all | grep -v -e '^pip==' -e '^triton==' | sed 's/+cpu$$//' > requirements.lock

clean:
	rm -rf results/demo .pytest_cache .ruff_cache .mypy_cache .hypothesis

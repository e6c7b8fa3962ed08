# Every target sets itself up in .venv; a second call is quick.
VENV ?= .venv
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
# Where torch's CPU builds are; out of reach, the registry's own build is taken. For a GPU: .../whl/cu128 or the like.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# What make versions does: table, oldest or newest.
VERSIONS ?= table
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -c $(CONSTRAINTS)
BIN := $(VENV)/bin

.PHONY: help demo quick test processors busy soak notebooks kernels wheels check results versions audit clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/.core: pyproject.toml cells/pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] < (3, 14) else "lstm-cs needs Python 3.10-3.13, this is " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --retries 0 --extra-index-url $(TORCH_INDEX) torch
	$(PIP) -e "./cells[study]" -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) -e ".[dev]"
	@touch $@

demo: $(VENV)/.core  ## train the baseline and C1 on the bundled corpus and compare them
	$(BIN)/python train.py -m cell=baseline,C1 data=robo
	@$(BIN)/python -m analysis summary runs/robo
	@echo
	@echo "Look inside:  $(BIN)/tensorboard --logdir runs   and open http://localhost:6006"

test: $(VENV)/.dev  ## run the tests
	$(BIN)/python -m pytest -n auto

quick: $(VENV)/.dev  ## run the tests that start no processes, in less than a minute
	$(BIN)/python -m pytest -n auto -m "not processes and not slow"

processors: $(VENV)/.dev  ## run the cells' tests as on each kind of processor, with neither MKL nor OpenMP
	@for as in $$(PYTHONPATH=tests $(BIN)/python -c 'from processors import OLDER; print(*OLDER)'); do \
	echo "As $$as"; LSTM_CS_AS=$$as $(BIN)/python -m pytest -n auto tests/cells || failed=1; done; exit $${failed:-0}

soak: $(VENV)/.dev  ## simulated schedules of leases, kills, faults (as root), fuzz tests and two hours of runs; takes a day
	PYTHONPATH=. $(BIN)/python tests/lease_schedules.py 100000
	PYTHONPATH=. $(BIN)/python tests/kills.py 100
	PYTHONPATH=. $(BIN)/python tests/kills.py 20 --stop
	for fault in disk clock two network; do PYTHONPATH=. $(BIN)/python tests/faults.py 20 $$fault || exit 1; done
	LSTM_CS_SOAK=1000 $(BIN)/python -m pytest -n 0 tests/cells/test_fuzz_formulas.py -k test_formulas
	LSTM_CS_SOAK=834 $(BIN)/python -m pytest -n 0 tests/conf/test_fuzz_overrides.py
	LSTM_CS_SOAK=450 $(BIN)/python -m pytest -n 0 tests/datamodules/test_fuzz.py
	LSTM_CS_SOAK=230 $(BIN)/python -m pytest -n 0 tests/datamodules/test_fuzz_own_files.py
	LSTM_CS_SOAK=100 $(BIN)/python -m pytest -n 0 tests/datamodules/test_fuzz_caches.py tests/datamodules/test_fuzz_hub_datasets.py tests/inference/test_fuzz_predict.py
	LSTM_CS_SOAK=200 $(BIN)/python -m pytest -n 0 tests/training/run/folder/test_fuzz_files.py
	PYTHONPATH=. $(BIN)/python tests/leaks.py 120 leaks.csv --plot leaks.svg

busy: $(VENV)/.dev  ## run the tests on one core beside two busy loops
	$(BIN)/python tests/busy.py -n 0

$(VENV)/.audit:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --disable-pip-version-check --quiet uv pip-audit
	@touch $@

versions: $(VENV)/.audit  ## list the oldest and newest versions of the dependencies; VERSIONS=oldest runs tests with them
	$(VENV)/audit/bin/python tests/versions.py $(VERSIONS)

audit: $(VENV)/.core $(VENV)/.audit  ## list the licences of all dependencies, then their known vulnerabilities
	$(BIN)/python tests/versions.py licences
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' > $(VENV)/installed.txt
	$(VENV)/audit/bin/pip-audit --strict --requirement $(VENV)/installed.txt --no-deps --disable-pip

notebooks: $(VENV)/.dev  ## run the notebooks in examples/ and write their outputs
	$(BIN)/python tests/notebooks.py

kernels: $(VENV)/.core  ## the Triton kernels of every named cell beside the definition, and compiled for three cards; takes an hour and a half
	$(PIP) -e ".[triton]"
	PYTHONPATH=. $(BIN)/python tests/cells/triton_cases.py all
	$(BIN)/python -m benchmarks kernels

check: $(VENV)/.dev  ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

results: $(VENV)/.core  ## write docs/RESULTS.md, its pictures, README's answers and the results in conf/experiment from the runs in results/
	$(BIN)/python -m analysis findings results -o docs --answers README.md
	$(BIN)/python -m analysis experiments results -o conf/experiment

# What benchmarks/card.sh needs on a machine that has torch, Lightning and the scientific packages, and no network.
CARD_PYTHON ?= 3.12
PURE := hydra-core omegaconf antlr4-python3-runtime nltk vaderSentiment iterative-stratification captum scikit-posthocs

wheels: $(VENV)/.core  ## packages for benchmarks/card.sh on a machine without a network
	$(BIN)/python -m pip wheel -q -c $(CONSTRAINTS) --no-deps -w wheels $(PURE)
	$(BIN)/python -m pip download -q --no-deps --only-binary=:all: --python-version $(CARD_PYTHON) \
		--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 -d wheels arch

clean:  ## remove the virtual environment and the caches, never runs/ or data/
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache *.egg-info

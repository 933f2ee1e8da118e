# Two commands from nothing: `make demo` and `make test`. Each makes the virtual environment if need be.
# Another Python gets an environment of its own: `make test PYTHON=python3.12` makes .venv-python3.12.
PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN = $(VENV)/bin
LOCK = pyproject.toml constraints.txt

.PHONY: demo test check lint evaluation coverage versions smoke fuzz bench lock docs dashboard dashboard-check tutorials

demo: $(VENV)/.installed
	$(BIN)/tickgraph train --symbols TIER_1
	$(BIN)/tickgraph predict --all

test: $(VENV)/.installed-test
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pytest -n 2 --dist loadfile

check: lint docs test evaluation # all that CI runs

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/.installed-test # the documentation site, into build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

evaluation: $(VENV)/.installed-test
	out=$$(mktemp -d) && $(BIN)/tickgraph evaluate --quick --out $$out/evaluation --prices-dir $$out/prices > $$out/page \
	  && rm -r $$out

coverage: $(VENV)/.installed-test # the tests again, a third slower; fails below the floor in pyproject.toml
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pytest -n 2 --dist loadfile --cov

versions: # each Python that is installed, in an environment of its own
	for python in python3.11 python3.12 python3.13; do \
	  if $$python --version; then $(MAKE) smoke PYTHON=$$python VENV=.venv-$$python || exit 1; fi; \
	done

smoke: $(VENV)/.installed-test
	$(BIN)/pytest tests/graph tests/model tests/registry tests/test_shapes.py

# The environment holds what the lock says: it is installed again when one of these files is newer.
$(VENV)/.installed: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(LOCK) | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	@touch $@

fuzz: $(VENV)/.installed-test # an hour on two cores; FUZZ=10 is a short one
	FUZZ=$${FUZZ:-150} $(BIN)/pytest -n 2 --timeout 0 tests/market/files/test_any_dialect.py \
	  tests/market/quality/test_any_bars.py tests/serving/test_any_artefact.py tests/http/test_protocol.py \
	  tests/http/test_schema.py tests/model/test_horizon_distribution.py

bench: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/serving/run.py
	$(BIN)/python benchmarks/serving/chain.py

dashboard: # the pages at / of the service, from dashboard/ into the package; needs npm
	cd dashboard && npm ci --no-audit --no-fund && npm run check && npm run build

dashboard-check: # whether the package has what dashboard/ builds; needs npm
	out=$$(mktemp -d) && cd dashboard && npm ci --no-audit --no-fund && npm run check && node build.mjs $$out/assets \
	  && diff -r $$out/assets ../src/tickgraph/http/dashboard_assets && rm -r $$out

tutorials: $(VENV)/.installed-test # runs docs/tutorials/*.ipynb, and writes their pages
	$(BIN)/python scripts/run_tutorials.py

lock: # needs uv
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header -o constraints.txt

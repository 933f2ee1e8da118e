.PHONY: check test fuzz bench lock

check:
	ruff format --check .
	ruff check .
	mypy
	pytest -n 2 --dist loadfile

test:
	pytest -n 2 --dist loadfile

fuzz: # an hour on two cores; FUZZ=10 is a short one
	FUZZ=$${FUZZ:-150} pytest -n 2 --timeout 0 tests/market/files/test_any_dialect.py tests/market/quality/test_any_bars.py \
	  tests/serving/test_any_artefact.py tests/http/test_protocol.py tests/http/test_schema.py

bench:
	python benchmarks/run.py
	python benchmarks/serving/run.py

lock: # needs uv
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header -o constraints.txt

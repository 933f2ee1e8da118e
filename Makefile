.PHONY: check test bench lock

check:
	ruff format --check .
	ruff check .
	mypy
	pytest -n 2 --dist loadfile

test:
	pytest -n 2 --dist loadfile

bench:
	python benchmarks/run.py
	python benchmarks/serving/run.py

lock: # needs uv
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header -o constraints.txt

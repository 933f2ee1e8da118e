"""Every benchmark in its quick form, as a person runs it: it goes to its end and prints what it is for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
PRINTED = {
    "run.py": (
        r"wall time from process start(.*\n){3}  Keras fit, a new model per symbol .* \d+\.\d x",
        r"training alone(.*\n){3}  Keras fit, a new model per symbol .* \d+\.\d x",
        r"arithmetic floor.* \d+\.\d x  of the floor",
        r"every horizon, a symbol.* \d+\.\d x  of one session",
        r"the universe's fit, 6 symbols .* \d+\.\d x  of 30 s",
        r"network, one graph .* \d+\.\d x",
        r"whole forecast, 2 at once .* \d+\.\d x  of one",
        r"registry load.* \d+\.\d x  faster",
        r"memory per loaded model.* \d+ KB",
    ),
    "serving/run.py": (
        r"requests per second, forecast / constant +\d+\.\d\d",
        r"/forecast/all, 2 symbols .* \d+\.\d\d",
        r"largest of all / 50 ms +\d+\.\d\d",
        r"quiet: requests, failures +\d+, 0\n",
        r"while all are retrained .*: requests, failures +\d+, 0\n",
        r"p99, retraining / quiet +\d+\.\d\d",
        r"memory per model served, 4 of them .* \d+\.\d\d",
        r"first request: model from disk .* \d+\.\d\d",
        r"training on request .* \d+\.\d\d",
    ),
    "serving/chain.py": (
        r"with touch / 2 ms .* \d+\.\d\d",
        r"an iron condor / 1 ms .* \d+\.\d\d",
        r"an iron condor / one warm forecast .* \d+\.\d\d",
        r"a loop over vollib's implied volatility .* \d+\.\d\d",
        r"without touch / one forecast .* \d+\.\d\d",
        r"with touch / one forecast .* \d+\.\d\d",
    ),
    "serving/rate_limits.py": (
        r"8 connections, .*(\n.*){2}a limit counted in memory .* ms +\d+\.\d\d",
        r"one client, .*\n(.*\n){2}  a limit counted in Redis .* ms +\d+\.\d\d",
        r"one client, .*\n(.*\n){3}  counted in Redis / in memory +\d+\.\d\d",
    ),
    "serving/ray_serve.py": (  # Ray Serve itself is measured where it is installed: CI leaves it out
        r"--workers 2\n(.*\n)+  2 models, each asked for once: requests per second +[\d,]+\n",
        r"40 requests, some for new models(.*\n){2}.*processor time for a request +\d+\.\d\d ms",
        r"all in memory: requests per second +[\d,]+\n",
        r"memory of all its processes +\d+ MB",
        r"Ray Serve is not installed: nothing to compare with|plain workers / Ray Serve",
    ),
    "prices.py": (
        r"against rewriting every file .* \d+ x",
        r"nothing appended yet\n(.*\n){4}  DuckDB on the same files .* ms",
        r"20 sessions appended\n(.*\n){4}  DuckDB on the same files .* ms",
        r"DuckDB, whole histories of the 11 .* ms",
    ),
    "refresh.py": (
        r"first refresh, which trains everything: done",
        r"4 models trained",
        r"serving all of them once: .* 0 refused",
        r"refresh of the next morning: done",
        r"training everything takes \d+\.\d times as long",
        r"once more, with nothing to do: done",
    ),
    "object_storage.py": (
        r"publish a model\n  in a folder .* requests: none\n  on object storage .* requests: 1 GET, 1 PUT",
        r"from a copy that is current .* \d+\.\d\d x   requests: none",
        r"from object storage, no copy .* requests: 1 GET\n",
        r"a list of all models .* requests: 1 LIST",
    ),
    "faults.py": (
        r"line to the storage cut +a: +0 of .* b: +0 of .* failed, .* back after +\d+\.\d\d s",
        r"line to the storage silent +a: +0 of .* b: +0 of ",
        r"process paused .* b: +0 of ",
        r"line to the clients cut .* b: +0 of ",
    ),
    "engines.py": (
        r"ray, a process per core .* \d+\.\d\d x   weights apart \d\.\de",
        r"a thread per core .* 1\.00 x   weights apart 0\.0e",
        r"stacks of 2 .* \d+\.\d\d x   weights apart \d\.\de",
    ),
    "size.py": (
        r"milliseconds of the processor a symbol\nsymbols +4  exponent\nprices: stored",
        r"peers of all +\d+\.\d",
        r"training +\d+\.\d",
        r"refresh, no model due +\d+\.\d",
        r"MB at most, beyond what the process had\nsymbols +4  exponent",
        r"warm forecast, p99, ms +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d",
        r"p99 of 5 models / of 2 +\d+\.\d\d  \(at most 2\)",
        r"memory with 5 models +\d+ MB",
    ),
    "calibration.py": (r"all +\d+\.\d +\d+\.\d\n", r"confidence +\d", r"average +\d\.\d{3} "),
    "drift.py": (
        r"60 +\d+\.\d% +\d",
        r"20   error ratio .* outside",
        r"5 +12\.3 +80% .* to ",
        r"20 +\d+\.\d% +\d+\.\d%",
    ),
}
# What a benchmark starts as a process of its own; the ranking benchmark has tests of its own.
PARTS = {
    "contestant.py",
    "forecasting.py",
    "sized.py",
    "serving/app.py",
    "serving/hammer.py",
    "serving/ray_app.py",
    "ranking/__main__.py",
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_quick_form_of_a_benchmark_prints_its_ratios(name, tmp_path):
    own = {key: value for key, value in os.environ.items() if not key.startswith("TICKGRAPH_")}
    done = subprocess.run(
        [sys.executable, FOLDER / name, "--quick"],
        env={**own, "OPENBLAS_NUM_THREADS": "1"},  # at these sizes a second thread costs more than it does
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    absent = [pattern for pattern in PRINTED[name] if not re.search(pattern, done.stdout)]
    assert not absent, done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_benchmark_is_run():
    commands = {
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.py")
        if '__name__ == "__main__"' in path.read_text("utf-8")
    }
    assert commands - PARTS == set(PRINTED)

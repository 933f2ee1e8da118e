"""What a caller or an error puts into the log reaches no terminal as it is, in either format."""

from __future__ import annotations

import io
import json
import logging
import re
import sys

import pytest
import structlog

from real_service import here, settings_of
from tickgraph.http import logs, symbol_routes

STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NASTY = "\x1b[2J\x07\x00\x7f\x85\u2028\u2029\u202e\r\n2026-01-01 [error] forged"
IN_A_URL = "%1b%5b2J%07%00%7f%c2%85%e2%80%a8%e2%80%a9%e2%80%ae%0d%0aforged"


@pytest.fixture
def read(monkeypatch):
    """Configure the log in a format; gives all that was written."""
    root, kept, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level

    def configured(log_format):
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        logs.configure(log_format)
        return written.getvalue

    yield configured
    root.handlers[:], root.level = kept, level
    structlog.reset_defaults()


def events(text, log_format):
    """Lines that begin an event."""
    lines = [line for line in text.split("\n") if line and not line.startswith("    ")]
    if log_format == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines)
    else:
        assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[", line) for line in lines), lines
    return lines


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_escape_of_a_request_or_an_error_reaches_the_log(
    trained_dir, prices_dir, config, tmp_path, monkeypatch, read, log_format
):
    settings = settings_of(trained_dir, prices_dir, config, access_log=True, runtime_dir=tmp_path)

    def broken(**_):
        raise ValueError(NASTY)

    monkeypatch.setattr(symbol_routes, "SymbolsAnswer", broken)
    written = read(log_format)
    with here(settings) as service:
        service.get(f"/{IN_A_URL}")
        service.get(f"/forecast/{IN_A_URL}?symbols={IN_A_URL}")
        assert service.get("/symbols").status_code == 500
        service.get("/symbols", headers={"user-agent": "\x1b[2J"})  # no HTTP
    text = written()
    assert not STEERS.search(text)
    assert len(events(text, log_format)) >= 4
    assert r"\x1b[2J" in text
    assert "Traceback" in text


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_escape_of_any_logger_reaches_the_log(read, log_format):
    written = read(log_format)
    logging.getLogger("uvicorn.error").warning("arguments %s", NASTY)
    logging.getLogger(f"named{NASTY}").warning({"a": NASTY})
    structlog.get_logger("tickgraph.http").info(
        "event", **{NASTY: NASTY, "several": [NASTY], "bytes": NASTY.encode()}
    )
    try:
        raise RuntimeError(NASTY) from KeyError(NASTY)
    except RuntimeError:
        logging.getLogger("asyncio").exception(NASTY)
    text = written()
    assert not STEERS.search(text)
    assert len(events(text, log_format)) == 4
    if log_format == "json":
        assert r"\x1b[2J" in json.loads(events(text, log_format)[0])["event"]

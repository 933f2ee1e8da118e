from __future__ import annotations

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.universe import add_aliases, canonical
from tickgraph.operations.timetable import Timetable
from tickgraph.settings import load_settings

SECRET = "a-secret-that-stays-one"  # noqa: S105


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "universe = [true]",
            'universe: a symbol must be text, got True; put it in quotes: "TRUE"',
        ),
        ("universe = ['AAPL', nan]", 'put it in quotes: "NAN"'),
        ("peer_pool = [inf]", 'put it in quotes: "INF"'),
        ("aliases = { OLD = true }", 'put it in quotes: "TRUE"'),
    ],
)
def test_a_word_that_is_a_ticker_and_something_else_stands_in_quotes(tmp_path, line, text):
    (tmp_path / "tickgraph.toml").write_text(line)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert text in str(caught.value)
    (tmp_path / "tickgraph.toml").write_text('universe = ["TRUE", "NAN", "ALL"]')
    assert load_settings().universe == ("TRUE", "NAN", "ALL")


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("TICKGRAPH_SERVE__API_KEYS", SECRET, "JSON"),
        ("TICKGRAPH_SERVE__API_KEYS", f'["{SECRET}ä"]', "ASCII"),
        ("TICKGRAPH_SERVE__ADMIN_TOKEN", "short", "16 characters"),
        ("TICKGRAPH_SERVE", SECRET, "JSON"),
        ("TICKGRAPH_SERVE__POLL_SECONDS", "inf", "poll_seconds"),
        ("TICKGRAPH_SERVE__REQUEST_SECONDS", "0", "request_seconds"),
        ("TICKGRAPH_SERVE__HOST", "", "host"),
        ("TICKGRAPH_SERVE__PORTS", "80", "ports"),
        ("TICKGRAPH_TIINGO_TOKEN", f"{SECRET} ", "no spaces"),
        ("TICKGRAPH_PROVIDERS", '["yahoo", "yahoo"]', "named twice"),
        ("TICKGRAPH_PROVIDERS", "[]", "providers"),
    ],
)
def test_a_bad_variable_is_an_error_that_names_it_and_keeps_secrets(monkeypatch, variable, value, text):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert text in str(caught.value)
    error = caught.value
    while error is not None:  # what a traceback would print
        assert SECRET not in str(error)
        error = error.__cause__


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "tickgraph.toml").write_bytes(b'source = "\xff\xfe"')
    with pytest.raises(InputError, match=r"tickgraph\.toml is not valid TOML"):
        load_settings()


@pytest.fixture
def _no_aliases_left():
    yield
    add_aliases({})


@pytest.mark.usefixtures("_no_aliases_left")
def test_due_moments_and_former_names_come_from_the_file(tmp_path):
    (tmp_path / "tickgraph.toml").write_text(
        '[schedule]\ndaily = "07:30"\n[aliases]\nOLDCO = "NEWCO"\n[training]\nepochs = 3\n'
    )
    settings = load_settings()
    assert settings.schedule.timetable() == Timetable(daily=time(7, 30))
    assert canonical("OLDCO") == "NEWCO"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[schedule]\nweekly = "Someday 02:00"', "names no day"),
        ('[schedule]\ntimezone = "New York"', "not a time zone"),
        ('[aliases]\nA = "B"\nB = "A"', "circle"),
        ('[aliases]\nA = "../x"', "is not a symbol"),
    ],
)
def test_due_moments_and_former_names_that_make_no_sense_are_refused(tmp_path, text, said):
    (tmp_path / "tickgraph.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        load_settings()


def test_live_sources_get_their_order_and_token_and_settings_show_no_token(monkeypatch, tmp_path):
    (tmp_path / "tickgraph.toml").write_text('source = "live"\nproviders = ["tiingo", "yahoo"]')
    monkeypatch.setenv("TICKGRAPH_TIINGO_TOKEN", SECRET)
    settings = load_settings()
    assert (settings.source, settings.access.providers) == ("live", ("tiingo", "yahoo"))
    assert settings.access.tiingo_token.get_secret_value() == SECRET
    assert SECRET not in f"{settings!r} {settings.model_dump_json()} {settings.access!r}"


def test_an_exchange_comes_with_its_time_zone_and_with_a_source_that_can_have_its_prices(tmp_path):
    (tmp_path / "tickgraph.toml").write_text('exchange = "lse"\n[schedule]\ndaily = "07:00"')
    settings = load_settings()
    assert (settings.exchange, settings.source, calendar.exchange()) == ("XLON", "files", "XLON")
    assert settings.schedule.timetable() == Timetable(daily=time(7), zone=ZoneInfo("Europe/London"))
    settings = load_settings(exchange="NYSE", schedule={"timezone": "Asia/Tokyo"})
    assert (settings.exchange, settings.source, calendar.exchange()) == ("XNYS", "sample", "XNYS")
    assert settings.schedule.timetable().zone == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"exchange": "XLN"}, r"\(exchange: 'XLN' is not an exchange. Did you mean XLON\?"),
        ({"exchange": "XLON", "source": "sample"}, r"\(Source 'sample' has prices of New York"),
        ({"training": {"epochs": 20_000}}, r"\(training.epochs is 20000, and 10000 or less was expected\)"),
        ({"exchange": 5}, "exchange is 5, and text was expected"),
    ],
)
def test_an_exchange_that_cannot_be_is_refused_and_new_york_stays_in_force(given, said):
    with pytest.raises(InputError, match=said):
        load_settings(**given)
    assert calendar.exchange() == "XNYS"


def test_the_folder_of_operations_is_beside_the_models_or_where_its_name_or_its_former_name_says(
    tmp_path, monkeypatch
):
    assert load_settings(models_dir=tmp_path).operations_dir == tmp_path / ".operations"
    (tmp_path / "tickgraph.toml").write_text('state_dir = "former"')
    assert load_settings().operations_dir == Path("former")
    monkeypatch.setenv("TICKGRAPH_STATE_DIR", "environment")
    assert load_settings().operations_dir == Path("environment")
    monkeypatch.setenv("TICKGRAPH_OPERATIONS_DIR", "named")
    assert load_settings().operations_dir == Path("named")


def test_hosts_with_the_same_models_share_a_space_and_others_do_not(monkeypatch):
    def space(models_dir, **shared):
        return load_settings(
            models_dir=models_dir, shared={"redis": "redis://10.0.0.5/0", **shared}
        ).shared_space.space

    assert load_settings().shared_space is None
    assert load_settings().news is None
    assert space("s3://bucket/gnn") == space("s3://bucket/gnn") != space("s3://bucket/other")
    assert space("models/gnn") == space(Path("models/gnn").absolute()) != space("models/other")
    assert space("/mnt/one", space="equities") == space("/mnt/other", space="equities") == "equities"
    with pytest.raises(InputError, match="space"):
        space("models/gnn", space="a:b")


def test_redis_without_its_library_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    settings = load_settings(shared={"redis": "redis://10.0.0.5/0", "space": "of-this-test"})
    with pytest.raises(InputError, match='needs the extra "shared"'):
        settings.open_registry()

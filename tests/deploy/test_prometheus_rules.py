"""Rules of Prometheus: valid, tested alert by alert, of metrics that exist, and each with an entry in the runbook."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from real_prometheus import CONFIG, DEPLOY, RULES, program
from tickgraph.http.metrics import ServiceMetrics

RUNBOOK = DEPLOY.parent / "docs" / "runbook.md"
BOARD = DEPLOY / "grafana" / "tickgraph.json"
TESTS = sorted(RULES.parent.glob("*.test.yml"))

ALL = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in ALL if "alert" in rule}


def promtool(*words):
    done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_its_rules_are_valid():
    assert f"{len(ALL)} rules found" in promtool("check", "config", str(CONFIG))
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_rules_do_what_their_tests_say(file):
    assert "SUCCESS" in promtool("test", "rules", str(file))


def test_every_alert_is_tested_when_it_fires_and_when_it_does_not():
    cases = [
        case
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == silent == set(ALERTS)


def test_every_alert_says_how_bad_what_how_much_and_where_to_read_on():
    for name, rule in ALERTS.items():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, name
        assert rule["labels"].keys() == {"severity"}, name
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}, name
        assert re.search(r"\d|\$value", rule["annotations"]["description"]), f"{name} gives no figure"
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def entries():
    """Sections of the runbook by alert."""
    _, *sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)
    return {title: text for title, _, text in (section.partition("\n") for section in sections)}


def test_every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert():
    assert sorted(entries()) == sorted(ALERTS)


def test_every_entry_says_what_it_means_how_to_look_mend_and_check():
    for name, text in entries().items():
        for part in ("**Means**", "**Felt**", "**Look**", "**Mend**", "**Mended**"):
            assert text.count(part) == 1, (name, part)
        assert f"severity: {ALERTS[name]['labels']['severity']}" in text.lower(), name


def expressions():
    yield from (rule["expr"] for rule in ALL)
    board = json.loads(BOARD.read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel.get("targets", []))
    yield from (variable.get("definition", "") for variable in board["templating"]["list"])
    yield from re.findall(r"`([^`]+)`", RUNBOOK.read_text())


@pytest.fixture(scope="module")
def exposed():
    """Names of samples by metric, those included that have no sample yet."""
    names = set()
    for family in text_string_to_metric_families(ServiceMetrics().expose().decode()):
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + end for end in ends}
    return names


def test_every_metric_that_a_rule_the_dashboard_or_the_runbook_names_is_exposed(exposed):
    named = {name for text in expressions() for name in re.findall(r"(?<![\w:])gnn_\w+(?!\w*:)", text)}
    assert len(named) > 40
    assert named - exposed == set()


def test_every_recorded_figure_that_is_named_is_recorded():
    recorded = {rule["record"] for rule in ALL if "record" in rule}
    named = {name for text in expressions() for name in re.findall(r"\b\w+:gnn_\w+:\w+", text)}
    assert named == recorded

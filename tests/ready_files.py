"""The files of ``deploy/``, and the ``tickgraph`` commands and environment in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
CRONTAB = DEPLOY / "cron" / "crontab"
UNITS = sorted((DEPLOY / "systemd").glob("*.service")) + sorted((DEPLOY / "systemd").glob("*.timer"))
KUBERNETES = DEPLOY / "kubernetes"


def manifests() -> dict[str, dict[str, Any]]:
    """Kubernetes objects by kind and name, such as ``CronJob/tickgraph-refresh``."""
    files = sorted(set(KUBERNETES.glob("*.yaml")) - {KUBERNETES / "kustomization.yaml"})
    found = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    named = {f"{one['kind']}/{one['metadata']['name']}": one for one in found}
    assert len(named) == len(found)
    return named


def pods() -> dict[str, dict[str, Any]]:
    """What the pods of the Kubernetes workloads are made of, by kind and name."""
    return {
        name: (one["spec"]["jobTemplate"] if one["kind"] == "CronJob" else one)["spec"]["template"]["spec"]
        for name, one in manifests().items()
        if one["kind"] in ("Deployment", "CronJob", "Job")
    }


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def unit(name: str) -> dict[str, list[str]]:
    """Settings of a systemd unit, every value of each; sections are left out, since no name is in two."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if "=" in line and line[0] not in "#[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def crontab() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Environment of the crontab, and the schedule and command of each of its lines."""
    environment, lines = {}, []
    for line in CRONTAB.read_text().splitlines():
        if assigned := re.fullmatch(r"(\w+)=(.*)", line):
            environment[assigned[1]] = assigned[2].strip('"')
        elif line.startswith("@"):
            when, command = line.split(maxsplit=1)
            lines.append((when, command))
        elif line and not line.startswith("#"):
            fields = line.split(maxsplit=5)
            lines.append((" ".join(fields[:5]), fields[5]))
    return environment, lines


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every ``tickgraph`` command of the files and of docs/deploy.md: where it is, and its arguments."""
    for file in UNITS:
        for line in unit(file.name).get("ExecStart", []):
            yield file.name, shlex.split(line)[1:]
    for file in (CRONTAB, COMPOSE):  # what comments tell to run, too
        yield from _in_shell(file.name, file.read_text())
    entry = re.search(r"^CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    yield DOCKERFILE.name, yaml.safe_load(entry[1])
    for name, service in compose()["services"].items():
        if service["image"].startswith("tickgraph:"):
            yield f"{COMPOSE.name}: {name}", service["command"]
    for name, pod in pods().items():
        for container in pod["containers"]:
            yield name, container["args"]
    guide = ROOT / "docs" / "deploy.md"
    yield from _in_shell(guide.name, guide.read_text())


def _in_shell(where: str, text: str) -> Iterator[tuple[str, list[str]]]:
    called = r"(?:^|; |`|/bin/)tickgraph ([^|`\n]+)|run --rm schedule (.+)"
    for found in re.finditer(called, text, re.MULTILINE):
        yield where, shlex.split((found[1] or found[2]).split(" 2>")[0])


def environment() -> Iterator[tuple[str, str, str]]:
    """Every ``TICKGRAPH_`` variable that the files set: where, its name and its value."""
    texts = {file.name: file.read_text() for file in (DOCKERFILE, DEPLOY / "secrets.env.example", *UNITS)}
    for where, text in texts.items():
        for found in re.finditer(r"\b(TICKGRAPH_\w+)=('[^']*'|\S+)", text):
            yield where, found[1], found[2].strip("'")
    for name, value in crontab()[0].items():
        if name.startswith("TICKGRAPH_"):
            yield CRONTAB.name, name, value
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if variable.startswith("TICKGRAPH_"):
                yield f"{COMPOSE.name}: {name}", variable, value
    for name, pod in pods().items():
        for container in pod["containers"]:
            for one in container["env"]:
                yield name, one["name"], one["value"]
    for name, value in manifests()["Secret/tickgraph"]["stringData"].items():
        yield "Secret/tickgraph", name, value

"""The files of ``deploy/``, and the ``tickgraph`` commands and environment in them."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
COMPOSE_SHARED = DEPLOY / "docker" / "compose.shared.yaml"
COMPOSE_FILES = (COMPOSE, COMPOSE_SHARED)
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
CRONTAB = DEPLOY / "cron" / "crontab"
UNITS = sorted((DEPLOY / "systemd").glob("*.service")) + sorted((DEPLOY / "systemd").glob("*.timer"))
KUBERNETES = DEPLOY / "kubernetes"
KUBERNETES_SHARED = DEPLOY / "kubernetes-shared"

Manifests = dict[str, dict[str, Any]]


def manifests() -> Manifests:
    """Kubernetes objects by kind and name, such as ``CronJob/tickgraph-refresh``."""
    files = sorted(set(KUBERNETES.glob("*.yaml")) - {KUBERNETES / "kustomization.yaml"})
    return _named(one for file in files for one in yaml.safe_load_all(file.read_text()))


def rendered(folder: Path) -> Manifests:
    """Kubernetes objects that ``kubectl apply -k`` would send; without kubectl the test is skipped.

    Each call gives objects of its own. Names that hold a hash of the content are without it.
    """
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    return _named(
        yaml.safe_load_all(
            re.sub(r"\b(tickgraph)-[bcdfghkmt24-9]{10}$", r"\1", _kustomized(folder), flags=re.MULTILINE)
        )
    )


@functools.cache
def _kustomized(folder: Path) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _named(objects: Iterable[dict[str, Any]]) -> Manifests:
    found = list(objects)
    named = {f"{one['kind']}/{one['metadata']['name']}": one for one in found}
    assert len(named) == len(found)
    return named


def pods(objects: Manifests | None = None) -> dict[str, dict[str, Any]]:
    """What the pods of the Kubernetes workloads are made of, by kind and name."""
    return {
        name: (one["spec"]["jobTemplate"] if one["kind"] == "CronJob" else one)["spec"]["template"]["spec"]
        for name, one in (manifests() if objects is None else objects).items()
        if one["kind"] in ("Deployment", "CronJob", "Job")
    }


def compose(file: Path = COMPOSE) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def services() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every service of the compose files: where, and what it is."""
    for file in COMPOSE_FILES:
        for name, service in compose(file)["services"].items():
            yield f"{file.name}: {name}", service


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
    for file in (CRONTAB, *COMPOSE_FILES):  # what comments tell to run, too
        yield from _in_shell(file.name, file.read_text())
    entry = re.search(r"^CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    yield DOCKERFILE.name, yaml.safe_load(entry[1])
    for where, service in services():
        if service["image"].startswith("tickgraph:"):
            yield where, service["command"]
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
    examples = (DEPLOY / "secrets.env.example", DEPLOY / "docker" / "shared.env.example")
    texts = {file.name: file.read_text() for file in (DOCKERFILE, *examples, *UNITS)}
    for where, text in texts.items():
        for found in re.finditer(r"\b(TICKGRAPH_\w+)=('[^']*'|\S+)", text):
            yield where, found[1], found[2].strip("'")
    for name, value in crontab()[0].items():
        if name.startswith("TICKGRAPH_"):
            yield CRONTAB.name, name, value
    for where, service in services():
        for variable, value in service.get("environment", {}).items():
            if variable.startswith("TICKGRAPH_"):
                yield where, variable, value
    for name, pod in pods().items():
        for container in pod["containers"]:
            for one in container["env"]:
                yield name, one["name"], one["value"]
    for folder in (KUBERNETES, KUBERNETES_SHARED):
        first = next(yaml.safe_load_all((folder / "secret.example.yaml").read_text()))
        for name, value in first["stringData"].items():
            yield f"{folder.name}: {first['metadata']['name']}", name, value

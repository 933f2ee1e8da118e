"""What the ready files run is what the program offers: commands, options, settings, paths."""

from __future__ import annotations

import re
import tomllib

import pytest
import typer

from ready_files import (
    COMPOSE,
    COMPOSE_FILES,
    DEPLOY,
    DOCKERFILE,
    KUBERNETES_SHARED,
    ROOT,
    commands,
    compose,
    environment,
    manifests,
    pods,
    services,
    unit,
)
from tickgraph.cli.commands import app
from tickgraph.object_place import ObjectPlace
from tickgraph.settings import CONFIG_VARIABLE, Settings, load_settings


def accept(command, arguments):
    """Parse as the command line does, and run nothing."""
    name, *left = arguments
    inner = command.commands[name]
    if hasattr(inner, "commands"):
        accept(inner, left)
    else:
        inner.make_context(name, left)


def cases():
    for where, arguments in commands():
        yield pytest.param(arguments, id=f"{where}: {' '.join(arguments)}")


@pytest.mark.parametrize("arguments", list(cases()))
def test_every_command_is_accepted_by_the_command_line(arguments):
    accept(typer.main.get_command(app), arguments)


def test_commands_are_found_in_every_kind_of_file():
    found = {where.split(":")[0].split("/")[0] for where, _ in commands()}
    assert found == {
        "tickgraph.service", "tickgraph-refresh.service", "crontab", "compose.yaml",
        "compose.shared.yaml", "Dockerfile", "Deployment", "CronJob", "deploy.md",
    }  # fmt: skip


@pytest.mark.parametrize(("where", "name", "value"), list(environment()))
def test_every_variable_is_a_setting(where, name, value, monkeypatch):
    if name == CONFIG_VARIABLE:
        assert value == "/etc/tickgraph/tickgraph.toml"
        return
    path = name.removeprefix("TICKGRAPH_").lower().split("__")
    model = Settings
    for step in path[:-1]:
        model = model.model_fields[step].annotation
    assert path[-1] in model.model_fields
    if "..." not in value:  # else to be filled in
        monkeypatch.setenv(name, value)
        load_settings()


def test_the_file_of_settings_is_valid_and_is_the_same_everywhere(monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(DEPLOY / "tickgraph.toml"))
    settings = load_settings()
    assert settings.source != "sample"
    text = (DEPLOY / "tickgraph.toml").read_text()
    assert (DEPLOY / "kubernetes" / "tickgraph.toml").read_text() == text


SHARED_SETTINGS = [DEPLOY / "docker" / "tickgraph.shared.toml", KUBERNETES_SHARED / "tickgraph.toml"]


@pytest.mark.parametrize("file", SHARED_SETTINGS, ids=lambda file: file.parent.name)
def test_the_files_of_shared_settings_are_valid_and_name_one_bucket(file, monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    settings = load_settings()
    assert settings.source != "sample"
    models, prices = settings.models_dir, settings.prices_dir
    assert isinstance(models, ObjectPlace)
    assert isinstance(prices, ObjectPlace)
    assert (models.scheme, models.bucket) == (prices.scheme, prices.bucket)
    assert models.prefix != prices.prefix
    assert settings.serve.train_on_demand is False  # the memory of containers and pods is for answers alone
    assert settings.shared.redis is None  # its address holds a password, and comes from the environment


@pytest.mark.parametrize("folder", ["models_dir", "prices_dir"])
def test_what_must_be_kept_is_on_what_is_kept(folder):
    place = tomllib.loads((DEPLOY / "tickgraph.toml").read_text())[folder]
    kept = "/var/lib/tickgraph"
    assert place.startswith(f"{kept}/")
    assert f"TICKGRAPH_{folder.upper()}={place}" in DOCKERFILE.read_text()
    assert f'VOLUME ["{kept}"' in DOCKERFILE.read_text()
    for name in ("tickgraph.service", "tickgraph-refresh.service"):
        assert unit(name)["StateDirectory"] == ["tickgraph"]  # below /var/lib
    for name in ("serve", "schedule"):
        assert f"data:{kept}" in compose()["services"][name]["volumes"]
    for pod in pods().values():
        volume = next(one["name"] for one in pod["containers"][0]["volumeMounts"] if one["mountPath"] == kept)
        claim = next(one for one in pod["volumes"] if one["name"] == volume)
        assert f"PersistentVolumeClaim/{claim['persistentVolumeClaim']['claimName']}" in manifests()


def test_time_to_stop_covers_requests_and_training():
    files = [DEPLOY / "tickgraph.toml", *SHARED_SETTINGS]
    drain = max(tomllib.loads(file.read_text())["serve"]["drain_seconds"] for file in files)
    least = 2 * drain + 5
    pod = pods()["Deployment/tickgraph"]
    before = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    stops = {
        "systemd": int(unit("tickgraph.service")["TimeoutStopSec"][0].removesuffix("s")),
        **{
            where: int(service["stop_grace_period"].removesuffix("s"))
            for where, service in services()
            if where.endswith(": serve")
        },
        "Kubernetes": pod["terminationGracePeriodSeconds"] - before,
    }
    assert min(stops.values()) >= least, stops


def test_the_image_has_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for _, service in services() if "tickgraph" in service["image"]} == {
        f"tickgraph:{version}"
    }
    for folder in (DEPLOY / "kubernetes", KUBERNETES_SHARED):
        assert f"newTag: {version}\n" in (folder / "kustomization.yaml").read_text()


def named_paths():
    pages = ROOT / "docs" / "deploy.md", ROOT / "docs" / "guides" / "scale.md"
    for file in (
        DOCKERFILE,
        *COMPOSE_FILES,
        *KUBERNETES_SHARED.glob("*.*"),
        *pages,
        *DEPLOY.glob("*/crontab"),
    ):
        yield from re.findall(r"\b(?:deploy|docs)/[\w./-]*\w", file.read_text())
    for _, service in services():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                yield (COMPOSE.parent / source).resolve().relative_to(ROOT).as_posix()


MADE_BY_THE_READER = {"deploy/docker/secrets.env", "deploy/docker/shared.env"}


@pytest.mark.parametrize("path", sorted(set(named_paths()) - MADE_BY_THE_READER))
def test_every_path_is_in_the_repository(path):
    assert (ROOT / path).exists()

"""The container image and the compose files, as far as they can be held to something without an engine."""

from __future__ import annotations

import fnmatch
import http.server
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from contextlib import contextmanager

import pytest
import yaml

from ready_files import COMPOSE, COMPOSE_FILES, COMPOSE_SHARED, DEPLOY, DOCKERFILE, ROOT, compose, pods

IGNORED = DOCKERFILE.with_name("Dockerfile.dockerignore")


@pytest.fixture(scope="module")
def instructions():
    """Instructions of the Dockerfile: name and words."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is made for Linux only")
def test_hadolint_finds_nothing():
    done = subprocess.run(["hadolint", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_into_the_image_exists_and_is_let_through_by_the_dockerignore(instructions):
    rules = [line for line in IGNORED.read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = [
        path
        for name, words in instructions
        if name == "COPY" and "--from" not in words
        for path in words.split()[:-1]
    ]
    assert set(copied) == {rule[1:] for rule in rules if rule.startswith("!")}
    assert all((ROOT / path).exists() for path in copied)
    assert not any(fnmatch.fnmatch("src/tickgraph/cli/commands.py", rule) for rule in rules[1:])


def test_all_that_the_build_of_the_package_reads_is_copied(instructions):
    copied = " ".join(words for name, words in instructions if name == "COPY").split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = ["pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]]
    needed += [
        path.split("/")[0] for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    ]
    assert set(needed) <= set(copied)


def test_the_extras_of_the_image_exist_and_leave_out_what_only_tests_need(instructions):
    (words,) = [words for name, words in instructions if name == "ARG" and words.startswith("EXTRAS=")]
    extras = set(words.removeprefix("EXTRAS=").split(","))
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"serve", "yahoo", "storage", "shared"} <= extras <= offered.keys() - {"test", "bench", "evaluate"}


def test_the_last_stage_runs_as_the_account_the_cluster_expects_and_has_nothing_to_build_with(instructions):
    last = max(at for at, (name, _) in enumerate(instructions) if name == "FROM")
    stage = instructions[last:]
    user = next(words for name, words in stage if name == "USER")
    for pod in pods().values():
        context = pod["securityContext"]
        assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert not any("pip" in words or "apt" in words for name, words in stage if name == "RUN")


@contextmanager
def answering(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    asked: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_ready_from_not(instructions, status, healthy):
    words = next(words for name, words in instructions if name == "HEALTHCHECK")
    command = yaml.safe_load(words[words.index("CMD ") + 4 :])
    with answering(status) as (port, asked):
        here = [word.replace(":8000/", f":{port}/") for word in command]
        assert here != command
        done = subprocess.run([sys.executable, *here[1:]], capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) is healthy
    assert asked == ["/health/ready"]


OWN = {"serve", "schedule", "prometheus", "grafana"}


@pytest.fixture(params=COMPOSE_FILES, ids=lambda file: file.name)
def whole(request):
    """Each of the compose files."""
    return compose(request.param)


@pytest.mark.parametrize(
    ("file", "expected"), [(COMPOSE, OWN), (COMPOSE_SHARED, OWN | {"balancer", "s3", "redis"})]
)
def test_the_compose_files_follow_the_compose_specification(file, expected):
    specification = pytest.importorskip("compose_spec")
    # Merge keys are YAML's, not the specification's.
    merged = yaml.safe_dump(compose(file), sort_keys=False)
    known = specification.PyCompose.from_yaml(merged)
    assert set(known.service_names()) == expected
    with pytest.raises(ValueError, match="resart"):
        specification.PyCompose.from_yaml(merged.replace("restart:", "resart:"))


def test_every_volume_is_declared_and_every_bound_file_is_read_only(whole):
    for name, service in whole["services"].items():
        assert service["restart"] == "unless-stopped"
        for volume in service.get("volumes", []):
            if ":" not in volume:
                assert volume.startswith("/"), (name, volume)  # a volume of each container's own
                continue
            source, _, *mode = volume.split(":")
            if source.startswith("."):
                assert mode == ["ro"], (name, volume)
            else:
                assert source in whole["volumes"], (name, volume)
    used = [volume.split(":")[0] for one in whole["services"].values() for volume in one.get("volumes", [])]
    assert set(whole["volumes"]) <= set(used)


def test_only_this_machine_reaches_the_ports(whole):
    for service in whole["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_containers_wait_for_the_health_of_what_they_need(whole):
    services = whole["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[needed] or services[needed]["image"].startswith("tickgraph:")


def test_containers_may_do_little(whole):
    for name, service in whole["services"].items():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert name == "s3" or "cap_add" not in service


def test_images_of_others_are_pinned(whole):
    for service in whole["services"].values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-alpine)?", service["image"])


@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_prometheus_scrapes_the_service_by_its_name_and_grafana_asks_prometheus(file):
    services = compose(file)["services"]
    mounted = dict(volume.split(":")[1::-1] for volume in services["prometheus"]["volumes"])
    (place,) = (inside for inside in mounted if inside.endswith("prometheus.yml"))
    assert f"--config.file={place}" in services["prometheus"]["command"]
    config = yaml.safe_load((file.parent / mounted[place]).read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "tickgraph"
    if file == COMPOSE_SHARED:  # one address for each replica
        (found,) = job["dns_sd_configs"]
        assert (found["names"], found["type"], found["port"]) == (["serve"], "A", 8000)
        assert set(services["prometheus"]["networks"]) & set(services["serve"]["networks"])
    else:
        assert job["static_configs"] == [{"targets": ["serve:8000"]}]
    assert {f"/etc/prometheus/{rules}" for rules in config["rule_files"]} <= set(mounted)
    source = yaml.safe_load((file.parent / "grafana" / "datasource.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    boards = yaml.safe_load((file.parent / "grafana" / "dashboards.yaml").read_text())["providers"][0]
    targets = {volume.split(":")[1] for volume in services["grafana"]["volumes"]}
    assert f"{boards['options']['path']}/tickgraph.json" in targets


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: apt-get install prometheus")
@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.shared.yml"])
def test_prometheus_understands_its_file(name):
    # Of the rules only the syntax of their mention: the paths are those of the container.
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", str(DEPLOY / "docker" / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""The shared form on one machine: what its files say of one another, and Redis as its container starts it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from ready_files import COMPOSE_SHARED, DEPLOY, compose
from real_prometheus import until
from tickgraph.settings import CONFIG_VARIABLE, load_settings
from tickgraph.shared.contact import SharedAway, SharedContact
from tickgraph.shared.shared_settings import SharedSettings

FOLDER = COMPOSE_SHARED.parent
OWN = ("serve", "schedule")
REQUIRED = "TICKGRAPH_TESTS_NEED_REDIS" in os.environ  # read before conftest forgets such variables


@pytest.fixture
def whole():
    return compose(COMPOSE_SHARED)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(FOLDER / "tickgraph.shared.toml"))
    return load_settings()


def example():
    """The lines to fill in of the example of secrets."""
    lines = (FOLDER / "shared.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_several_containers_serve_and_another_stands_by_to_refresh(whole):
    assert whole["services"]["serve"]["deploy"]["replicas"] > 1
    assert whole["services"]["schedule"]["deploy"]["replicas"] > 1


def test_only_people_reach_the_machine_and_only_tickgraph_reaches_bucket_and_redis(whole):
    services = whole["services"]
    assert {name for name, one in services.items() if "ports" in one} == {"balancer", "prometheus", "grafana"}
    assert whole["networks"]["back"] == {"internal": True}
    behind = {name for name, one in services.items() if "back" in one["networks"]}
    assert behind == {*OWN, "s3", "redis"}
    assert services["s3"]["networks"] == services["redis"]["networks"] == ["back"]


def test_replicas_believe_the_balancers_network_and_no_other(whole, settings):
    (network,) = whole["networks"]["front"]["ipam"]["config"]
    assert settings.serve.trusted_proxies == (network["subnet"],)
    assert ipaddress.ip_network(network["subnet"]).is_private
    assert whole["services"]["balancer"]["networks"] == ["front"]


@pytest.mark.parametrize("name", OWN)
def test_copies_and_locks_are_each_containers_own_and_operations_are_common(whole, settings, name):
    service = whole["services"][name]
    own = [volume for volume in service["volumes"] if ":" not in volume] + service["tmpfs"]
    assert any(settings.storage.cache_dir.is_relative_to(place) for place in own)
    assert any(
        service["environment"]["TICKGRAPH_SERVE__RUNTIME_DIR"].startswith(f"{place}/") for place in own
    )
    common = [
        volume.split(":")[1] for volume in service["volumes"] if volume.split(":")[0] in whole["volumes"]
    ]
    assert any(settings.operations_dir.is_relative_to(place) for place in common)
    assert not any(settings.storage.cache_dir.is_relative_to(place) for place in common)
    assert "./tickgraph.shared.toml:/etc/tickgraph/tickgraph.toml:ro" in service["volumes"]


def test_the_bucket_is_made_and_reached_where_the_settings_say(whole, settings):
    s3 = whole["services"]["s3"]
    words = dict(word[1:].split("=", 1) for word in s3["command"] if word.startswith("-"))
    assert words["bucket"] == settings.models_dir.bucket
    endpoint = urlsplit(settings.storage.endpoint)
    assert endpoint.hostname == words["ip"] == "s3"
    (address,) = (urlsplit(word) for word in s3["healthcheck"]["test"] if word.startswith("http"))
    assert address.port == endpoint.port


def test_secrets_are_in_files_and_each_container_gets_those_it_needs(whole):
    lines = example()
    assert set(lines) == {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "REDIS_PASSWORD", "TICKGRAPH_SHARED__REDIS"
    }  # fmt: skip
    services = whole["services"]
    for name in OWN:
        assert services[name]["env_file"] == ["secrets.env", "shared.env"]
    assert services["s3"]["env_file"] == services["redis"]["env_file"] == ["shared.env"]
    address = urlsplit(lines["TICKGRAPH_SHARED__REDIS"].strip("'").replace("...", "password"))
    assert (address.scheme, address.hostname, address.port) == ("redis", "redis", 6379)
    written = {name for one in services.values() for name in one.get("environment", {})}
    assert not [name for name in written if re.search("KEY|PASSWORD|TOKEN|SECRET|REDIS", name)]
    ignored = (DEPLOY.parent / ".gitignore").read_text().splitlines()
    assert {"/deploy/docker/secrets.env", "/deploy/docker/shared.env"} <= set(ignored)


@pytest.fixture(scope="module")
def redis_server():
    if (found := shutil.which("redis-server")) is None:
        said = "redis-server is not installed: apt-get install redis-server"
        pytest.fail(said) if REQUIRED else pytest.skip(said)
    return found


def script(redis_server, folder, port):
    """What the container of Redis runs, with Debian's program, on a port of this machine."""
    shell, flags, text = compose(COMPOSE_SHARED)["services"]["redis"]["command"]
    assert text.count("valkey-server - <<END\n") == 1
    here = f"{redis_server} - <<END\nport {port}\nbind 127.0.0.1\ndir {folder}\n"
    return [shell, flags, text.replace("valkey-server - <<END\n", here).replace("$$", "$")]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def contact(url):
    return SharedContact(SharedSettings(redis=url, timeout_seconds=10, retry_seconds=0.01), "tests")


def test_redis_asks_for_the_password_and_writes_no_disk(redis_server, tmp_path):
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": "a-password-of-tests"}
    words = script(redis_server, tmp_path, port)
    server = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    try:
        known = contact(f"redis://:a-password-of-tests@127.0.0.1:{port}/0")

        def up():
            assert server.poll() is None
            with contextlib.suppress(SharedAway):
                return known.ask(lambda redis: redis.set("key", "value"))

        until(up, "an answer of Redis")
        assert known.ask(lambda redis: redis.config_get("save")) == {"save": ""}
        assert known.ask(lambda redis: redis.config_get("appendonly")) == {"appendonly": "no"}
        with pytest.raises(SharedAway, match="AuthenticationError"):
            contact(f"redis://127.0.0.1:{port}/0").ask(lambda redis: redis.get("key"))
        assert "a-password-of-tests" not in Path(f"/proc/{server.pid}/cmdline").read_text()
    finally:
        server.kill()
        server.wait(60)
    assert list(tmp_path.iterdir()) == []


def test_redis_does_not_start_without_a_password(redis_server, tmp_path):
    done = subprocess.run(
        script(redis_server, tmp_path, 1),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "REDIS_PASSWORD" in done.stderr
    assert "shared.env" in done.stderr


def test_the_memory_of_redis_fits_its_container(whole):
    redis = whole["services"]["redis"]
    (most,) = re.findall(r"maxmemory (\d+)mb", redis["command"][-1])
    assert int(most) < int(redis["mem_limit"].removesuffix("m"))


def test_the_rules_that_prometheus_is_given_tell_of_a_bucket_and_of_a_redis_that_are_away(whole):
    (rules,) = (one.split(":")[0] for one in whole["services"]["prometheus"]["volumes"] if "rules" in one)
    groups = yaml.safe_load((FOLDER / rules).read_text())["groups"]
    alerts = {rule.get("alert"): rule["expr"] for group in groups for rule in group["rules"]}
    assert "gnn_storage_away" in alerts["TickgraphStorageAway"]
    assert "gnn_shared_away" in alerts["TickgraphSharedAway"]

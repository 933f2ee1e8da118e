"""The manifests of the shared form as ``kubectl apply -k`` renders them, held to the schemas and to one another."""

from __future__ import annotations

import shutil
import tomllib

import kubernetes_validate
import pytest
import yaml

from ready_files import COMPOSE_SHARED, DEPLOY, KUBERNETES_SHARED, compose, manifests, pods, rendered
from tickgraph.settings import CONFIG_VARIABLE, load_settings

VERSIONS = ["1.31", kubernetes_validate.latest_version()]
OWN = ("Deployment/tickgraph", "CronJob/tickgraph-refresh", "CronJob/tickgraph-refresh-weekly")


@pytest.fixture
def found():
    return rendered(KUBERNETES_SHARED)


@pytest.fixture
def with_operations(tmp_path):
    """What is rendered once the component for volumes that nodes share is turned on, as its comment says."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = tmp_path / "deploy" / "kubernetes-shared" / "kustomization.yaml"
    text = file.read_text()
    commented = "# components:\n#   - operations "
    assert text.count(commented) == 1
    file.write_text(text.replace(commented, "components:\n  - operations "))
    return rendered(file.parent)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_one_of_kubernetes(found, version):
    for one in found.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_the_examples_of_secrets_are_rendered_nowhere_and_are_valid(found):
    examples = list(yaml.safe_load_all((KUBERNETES_SHARED / "secret.example.yaml").read_text()))
    for one in examples:
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
    assert not any(name.startswith("Secret/") for name in found)
    asked = {
        source["secretRef"]["name"]
        for pod in pods(found).values()
        for container in pod["containers"]
        for source in container.get("envFrom", [])
    }
    (password,) = pods(found)["Deployment/tickgraph-redis"]["containers"][0]["env"]
    key = password["valueFrom"]["secretKeyRef"]
    assert asked | {key["name"]} == {one["metadata"]["name"] for one in examples}
    assert key["key"] in examples[1]["stringData"]


def test_no_volume_is_shared_by_nodes(found):
    claims = {name: one["spec"] for name, one in found.items() if one["kind"] == "PersistentVolumeClaim"}
    assert {name: one["accessModes"] for name, one in claims.items()} == {
        "PersistentVolumeClaim/tickgraph-operations": ["ReadWriteOnce"]
    }
    serving = pods(found)["Deployment/tickgraph"]
    assert not any("persistentVolumeClaim" in volume for volume in serving["volumes"])


@pytest.mark.parametrize("name", OWN)
def test_copies_have_a_bound_and_operations_lie_where_the_settings_say(found, name, monkeypatch):
    monkeypatch.setenv(CONFIG_VARIABLE, str(KUBERNETES_SHARED / "tickgraph.toml"))
    settings, pod = load_settings(), pods(found)[name]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["mountPath"]: volumes[one["name"]] for one in pod["containers"][0]["volumeMounts"]}
    assert settings.storage.cache_dir.parent.as_posix() == "/var/lib/tickgraph"
    assert mounts["/var/lib/tickgraph"]["emptyDir"]["sizeLimit"]
    if name != "Deployment/tickgraph":
        kept = mounts[settings.operations_dir.as_posix()]
        assert kept["persistentVolumeClaim"]["claimName"] == "tickgraph-operations"
    assert mounts["/etc/tickgraph"]["configMap"]["name"] == "tickgraph"
    settings_there = tomllib.loads(found["ConfigMap/tickgraph"]["data"]["tickgraph.toml"])
    assert settings_there["models_dir"] == str(settings.models_dir)


@pytest.mark.parametrize("name", OWN)
def test_what_runs_is_what_runs_in_the_other_form(found, name):
    """The refresh, the probes, the rights and the times to stop are the same; only the data lie elsewhere."""
    ours, theirs = pods(found)[name], pods()[name]
    ours.pop("volumes"), theirs.pop("volumes")
    assert ours.pop("serviceAccountName").removeprefix("tickgraph-") in ("serve", "refresh")
    for pod in (ours, theirs):
        for container in pod["containers"]:
            container.pop("volumeMounts")
            container.pop("image")
    assert ours == theirs


def test_each_account_may_do_what_its_pods_do(found):
    used = {name: pods(found)[name]["serviceAccountName"] for name in OWN}
    assert used == {OWN[0]: "tickgraph-serve", OWN[1]: "tickgraph-refresh", OWN[2]: "tickgraph-refresh"}
    for account in set(used.values()):
        one = found[f"ServiceAccount/{account}"]
        assert one["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith(f":role/{account}")
        assert one["automountServiceAccountToken"] is False


def test_autoscaler_and_budget_are_those_of_the_other_form(found):
    for name in ("HorizontalPodAutoscaler/tickgraph", "PodDisruptionBudget/tickgraph"):
        assert found[name]["spec"] == manifests()[name]["spec"]


def test_redis_may_do_little_and_starts_as_in_the_compose_file(found):
    pod = pods(found)["Deployment/tickgraph-redis"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    there = compose(COMPOSE_SHARED)["services"]["redis"]
    assert container["image"] == there["image"]
    same = there["command"][-1].replace("$$", "$").replace("shared.env", "the secret")
    assert container["command"] == [
        *there["command"][:-1],
        same,
    ]  # which a real server starts with, in its test


def test_policies_open_the_way_to_redis_and_the_bucket_and_no_other(found):
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"]
        for name, one in found.items()
        if one["kind"] == "Deployment"
    }
    redis = labels["Deployment/tickgraph-redis"]
    assert found["Service/tickgraph-redis"]["spec"]["selector"] == redis
    policy = found["NetworkPolicy/tickgraph-redis"]["spec"]
    assert policy["podSelector"]["matchLabels"] == redis
    (way,) = policy["ingress"]
    (who,) = way["from"]
    component = labels["Deployment/tickgraph"]["app.kubernetes.io/component"]
    assert component in who["podSelector"]["matchExpressions"][0]["values"]
    shared = found["NetworkPolicy/tickgraph-shared"]["spec"]
    assert shared["podSelector"] == who["podSelector"]
    names, to_redis, outside = shared["egress"]
    assert [port["port"] for port in names["ports"]] == [53, 53]
    assert to_redis["to"] == [{"podSelector": {"matchLabels": redis}}]
    assert to_redis["ports"] == [{"protocol": "TCP", "port": 6379}]
    assert outside == manifests()["NetworkPolicy/tickgraph-refresh"]["spec"]["egress"][1]
    assert found["NetworkPolicy/tickgraph"]["spec"] == manifests()["NetworkPolicy/tickgraph"]["spec"]
    assert "egress" not in found["NetworkPolicy/tickgraph-serve"]["spec"]


def test_the_service_of_redis_is_what_the_secret_names(found):
    secret = next(yaml.safe_load_all((KUBERNETES_SHARED / "secret.example.yaml").read_text()))
    (port,) = found["Service/tickgraph-redis"]["spec"]["ports"]
    assert secret["stringData"]["TICKGRAPH_SHARED__REDIS"].endswith(f"@tickgraph-redis:{port['port']}/0")


def test_with_a_volume_that_nodes_share_every_pod_has_the_same_operations(with_operations):
    for one in with_operations.values():
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
    claim = with_operations["PersistentVolumeClaim/tickgraph-operations"]["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    for name in OWN:
        pod = pods(with_operations)[name]
        (volume,) = (one for one in pod["volumes"] if "persistentVolumeClaim" in one)
        assert volume["persistentVolumeClaim"]["claimName"] == "tickgraph-operations"
        mounts = {
            one["mountPath"] for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume["name"]
        }
        assert mounts == {"/var/lib/tickgraph/operations"}

"""Manifests, held to the schemas of Kubernetes and to one another."""

from __future__ import annotations

import kubernetes_validate
import pytest
import yaml

from ready_files import KUBERNETES, manifests, pods
from tickgraph.http.operator_routes import PATHS
from tickgraph.serve_settings import ServeSettings

OLDEST = "1.31"  # podFailurePolicy is stable since


@pytest.mark.parametrize("name", list(manifests()))
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_object_is_one_of_kubernetes(name, version):
    kubernetes_validate.validate(manifests()[name], version, strict=True)


def test_a_misspelled_field_is_refused():
    broken = manifests()["Deployment/tickgraph"]
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file_and_nothing_secret():
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {file.name for file in KUBERNETES.glob("*.yaml")}
    assert set(kustomization["resources"]) == files - {"kustomization.yaml", "secret.example.yaml"}
    (generated,) = kustomization["configMapGenerator"]
    assert all((KUBERNETES / file).is_file() for file in generated["files"])
    settings = next(v for v in pods()["Deployment/tickgraph"]["volumes"] if v["name"] == "settings")
    assert settings["configMap"]["name"] == generated["name"]
    assert all(
        one["metadata"].get("namespace", kustomization["namespace"]) == kustomization["namespace"]
        for one in manifests().values()
    )


def test_probes_ask_what_the_service_answers():
    (container,) = pods()["Deployment/tickgraph"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: get["path"] for name, get in asked.items()} == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    assert {get["path"] for get in asked.values()} <= set(PATHS)
    assert {ports[get["port"]] for get in asked.values()} == {ServeSettings().port}


def test_what_selects_pods_finds_them():
    found, labels = manifests(), {}
    for name, one in found.items():
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", one).get("spec", {}).get("template") if spec else None
        if template:
            labels[name] = template["metadata"]["labels"]
    serving, refresh = labels["Deployment/tickgraph"], labels["CronJob/tickgraph-refresh"]
    assert serving != refresh == labels["CronJob/tickgraph-refresh-weekly"]
    assert found["Service/tickgraph"]["spec"]["selector"] == serving
    assert found["PodDisruptionBudget/tickgraph"]["spec"]["selector"]["matchLabels"] == serving
    assert found["NetworkPolicy/tickgraph-serve"]["spec"]["podSelector"]["matchLabels"] == serving
    assert found["NetworkPolicy/tickgraph-refresh"]["spec"]["podSelector"]["matchLabels"] == refresh
    target = found["HorizontalPodAutoscaler/tickgraph"]["spec"]["scaleTargetRef"]
    assert f"{target['kind']}/{target['name']}" in found


def test_a_disruption_leaves_a_pod_and_the_autoscaler_alone_counts_them():
    found = manifests()
    least = found["HorizontalPodAutoscaler/tickgraph"]["spec"]["minReplicas"]
    assert 1 <= found["PodDisruptionBudget/tickgraph"]["spec"]["minAvailable"] < least
    assert "replicas" not in found["Deployment/tickgraph"]["spec"]
    assert found["PersistentVolumeClaim/tickgraph"]["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("name", list(pods()))
def test_pods_may_do_little(name):
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in pod["containers"]:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]
        writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        assert writable == {"/var/lib/tickgraph", "/tmp", "/var/cache/tickgraph"}  # noqa: S108
    mounted = {one["name"] for container in pod["containers"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}


def test_all_is_shut_but_what_a_policy_opens():
    found = manifests()
    everything = found["NetworkPolicy/tickgraph"]["spec"]
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "egress" not in found["NetworkPolicy/tickgraph-serve"]["spec"]
    assert "ingress" not in found["NetworkPolicy/tickgraph-refresh"]["spec"]

"""The edges that NetworkPolicies leave, and that taking one away or adding one is seen."""

from __future__ import annotations

import ipaddress

import pytest

from mesh import topology
from mesh.settings import Settings
from tests.k8s.manifests import K8S, OVERLAYS, REGIONS, SERVICES, Object, of, render, settings
from tests.k8s.network import Edge, Peer, blocks, edges, outsiders, pods

CALLED = ("gateway", "color", "decision")
JOBS = ("migrate", "topology")
USE_STREAMS = (*SERVICES, "topology")
VERIFY_TOKENS = tuple(name for name in SERVICES if name != "annotate")


def region(name: str) -> dict[str, str]:
    """name -> range, of the overlay's own region.yaml."""
    import yaml

    data = yaml.safe_load((K8S / "overlays" / name / "region.yaml").read_text())["data"]
    return {key.removesuffix("-cidr"): value for key, value in data.items() if key.endswith("-cidr")}


def found(objects: list[Object], name: str) -> set[Edge]:
    return edges(objects, outsiders(region(name) if name in REGIONS else {}))


def everywhere(everybody: list[str]) -> set[Edge]:
    """What holds in every overlay."""
    wanted = {(pod, "dns", 53) for pod in everybody}
    wanted |= {(pod, "observability", 4317) for pod in everybody}
    wanted |= {("observability", pod, port) for pod in everybody for port in (9100, 9902)}
    strangers = ("dns", "observability", "keda", "nats-cluster", "stranger", "internet", "private")
    wanted |= {(caller, "envoy", 8080) for caller in strangers}
    return wanted | {("envoy", service, 50051) for service in CALLED}


@pytest.mark.parametrize("name", REGIONS)
def test_the_edges_of_a_region_are_these_and_no_more(name: str):
    objects = render(name)
    wanted = everywhere([each.name for each in pods(objects)])
    wanted |= {(pod, "nats-cluster", 4222) for pod in USE_STREAMS}
    wanted |= {(pod, "objects", 443) for pod in USE_STREAMS}
    wanted |= {(pod, "ledger", 5432) for pod in ("gateway", "migrate")}
    wanted |= {(pod, "issuer", 443) for pod in ("envoy", *VERIFY_TOKENS)}
    wanted |= {(caller, "envoy", 8080) for caller in ("ledger", "objects", "issuer")}
    # A caller like everybody, from outside.
    wanted.add(("canary", "internet", 443))
    assert found(objects, name) == wanted


def test_the_edges_of_ones_own_cluster_are_these_and_no_more():
    objects = render("dev")
    wanted = everywhere([each.name for each in pods(objects)])
    wanted |= {(pod, "nats", 4222) for pod in USE_STREAMS}
    wanted |= {(pod, "s3", 8333) for pod in USE_STREAMS}
    wanted |= {(pod, "postgres", 5432) for pod in ("gateway", "migrate")}
    wanted |= {(pod, "envoy", 8080) for pod in ("envoy", *VERIFY_TOKENS)}
    assert found(objects, "dev") == wanted


def test_nats_takes_the_services_its_peers_and_the_autoscaler():
    objects = [each for each in render("cluster") if each["metadata"].get("namespace") == "assay-nats"]
    label = "app.kubernetes.io/name"
    callers = [Peer(name, "assay", {label: name}) for name in (*SERVICES, *JOBS, "envoy", "canary")]
    others = [*callers, Peer("keda", "keda"), Peer("dns", "kube-system", {"k8s-app": "kube-dns"})]
    others += [Peer("stranger", "default"), Peer("internet", address="198.51.100.7")]
    wanted = {(name, "nats", 4222) for name in USE_STREAMS} | {("keda", "nats", 8222)}
    wanted |= {("nats", "nats", 6222), ("nats", "dns", 53)}
    assert edges(objects, others, "assay-nats") == wanted


@pytest.mark.parametrize(
    "policy",
    sorted(
        {name for overlay in OVERLAYS for name in of(render(overlay), "NetworkPolicy")} - {"default-deny"}
    ),
)
def test_no_policy_is_without_effect(policy: str):
    """Each one taken away takes an edge away: none is there for show."""
    name = next(overlay for overlay in OVERLAYS if policy in of(render(overlay), "NetworkPolicy"))
    objects = render(name)
    before = found(objects, name)
    objects = [
        each for each in objects if (each["kind"], each["metadata"]["name"]) != ("NetworkPolicy", policy)
    ]
    assert found(objects, name) < before


def test_a_policy_that_opens_more_is_seen():
    objects = render("prod-eu")
    before = found(objects, "prod-eu")
    rule = of(objects, "NetworkPolicy")["gateway-to-ledger"]["spec"]["egress"][0]
    rule["to"] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
    assert ("gateway", "private", 5432) in found(objects, "prod-eu") - before


def test_without_default_deny_a_pod_of_no_policy_may_do_anything():
    """What `default-deny` is for: pods that no other policy of the namespace selects."""
    objects = render("prod-eu")
    newcomer = {"kind": "Deployment", "metadata": {"name": "new"}, "spec": {"template": {"spec": {}}}}
    kept = [
        each
        for each in objects
        if each["kind"] != "NetworkPolicy" or each["metadata"]["name"] == "default-deny"
    ]
    assert not any("new" in edge for edge in found([*kept, newcomer], "prod-eu"))
    kept = [each for each in kept if each["kind"] != "NetworkPolicy"]
    assert ("new", "private", 22) in found([*kept, newcomer], "prod-eu")


def test_regions_share_no_address_no_bucket_no_key_and_no_subject():
    """Facts and objects of a region have no way into another one's."""
    ranges = {name: [ipaddress.ip_network(value) for value in region(name).values()] for name in REGIONS}
    for one in REGIONS:
        held = settings(render(one))
        ways_out = {
            policy: cidr for policy, cidr in blocks(render(one)).items() if not policy.startswith("canary")
        }
        assert {ipaddress.ip_network(cidr) for cidr in ways_out.values()} == set(ranges[one])
        for other in set(REGIONS) - {one}:
            assert not any(a.overlaps(b) for a in ranges[one] for b in ranges[other])
            elsewhere = settings(render(other))
            for key in ("REGION", "S3_UPLOADS_BUCKET", "S3_ARTIFACTS_BUCKET", "S3_KMS_KEY_ID", "OIDC_ISSUER"):
                assert held[f"ASSAY_{key}"] != elsewhere[f"ASSAY_{key}"]
        own = Settings(region=held["ASSAY_REGION"])
        filters = [c.filter_subject for _, c in topology.consumers(own) if c.filter_subject]
        assert all(subject.startswith(f"analysis.{one}.") for subject in filters)


def test_no_stream_is_copied_to_another_cluster():
    configuration = next(iter(of(render("cluster"), "ConfigMap").values()))["data"]["nats.conf"]
    assert not {"gateway", "leafnodes", "leafnode"} & set(configuration.replace("{", " ").split())
    assert all(not stream.mirror and not stream.sources for stream in topology.streams(Settings()))

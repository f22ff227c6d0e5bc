"""Who may talk to whom: what the NetworkPolicies of a namespace add up to (networking.k8s.io/v1)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from tests.k8s.manifests import Object, matches, of, workloads

PORTS = (22, 53, 443, 4222, 4317, 5432, 6222, 8080, 8222, 8333, 9100, 9902, 50051, 50052)
NAMESPACE = "kubernetes.io/metadata.name"
Edge = tuple[str, str, int]


@dataclass(frozen=True)
class Peer:
    """One end of an edge: a pod (namespace and labels) or an address outside."""

    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""


def outsiders(region: dict[str, str]) -> list[Peer]:
    """What pods of `assay` may have to do with; `region`: name -> range, of which one address is taken."""
    inside = [
        Peer("dns", "kube-system", {"k8s-app": "kube-dns"}),
        Peer("observability", "observability"),
        Peer("keda", "keda"),
        Peer("nats-cluster", "assay-nats", {"app.kubernetes.io/name": "nats"}),
        Peer("stranger", "default"),
        Peer("internet", address="198.51.100.7"),
        Peer("private", address="10.99.0.7"),
    ]
    ranges = {name: ipaddress.ip_network(value) for name, value in region.items()}
    return [*inside, *(Peer(name, address=str(found[5])) for name, found in ranges.items())]


def pods(objects: list[Object], namespace: str = "assay") -> list[Peer]:
    return [Peer(each.name, namespace, each.labels) for each in workloads(objects)]


def edges(objects: list[Object], others: list[Peer], namespace: str = "assay") -> set[Edge]:
    """Every (from, to, port) among pods of the namespace and between them and others that may be used."""
    policies = list(of(objects, "NetworkPolicy").values())
    own = pods(objects, namespace)
    found = set()
    for source in [*own, *others]:
        for target in [*own, *others]:
            if source in others and target in others:
                continue
            for port in PORTS:
                out = source in others or _allowed(policies, "egress", source, target, port)
                into = target in others or _allowed(policies, "ingress", target, source, port)
                if out and into:
                    found.add((source.name, target.name, port))
    return found


def _allowed(policies: list[Object], way: str, pod: Peer, other: Peer, port: int) -> bool:
    binding = [
        each["spec"]
        for each in policies
        if way.capitalize() in each["spec"]["policyTypes"]
        and matches(each["spec"]["podSelector"], pod.labels)
    ]
    if not binding:
        return True
    key = "to" if way == "egress" else "from"
    rules = [rule for spec in binding for rule in spec.get(way, [])]
    return any(
        (not rule.get(key) or any(_is(peer, other, pod.namespace) for peer in rule[key]))
        and (not rule.get("ports") or any(each["port"] == port for each in rule["ports"]))
        for rule in rules
    )


def _is(said: dict[str, Any], other: Peer, namespace: str) -> bool:
    if "ipBlock" in said:
        if not other.address:
            return False
        address, block = ipaddress.ip_address(other.address), said["ipBlock"]
        excepted = any(address in ipaddress.ip_network(each) for each in block.get("except", []))
        return address in ipaddress.ip_network(block["cidr"]) and not excepted
    if other.address:
        return False
    spaces = said.get("namespaceSelector")
    same = other.namespace == namespace if spaces is None else matches(spaces, {NAMESPACE: other.namespace})
    return same and matches(said.get("podSelector", {}), other.labels)


def blocks(objects: list[Object]) -> dict[str, str]:
    """Policy -> range, for every way out of the cluster."""
    return {
        name: peer["ipBlock"]["cidr"]
        for name, policy in of(objects, "NetworkPolicy").items()
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    }

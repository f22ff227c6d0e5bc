"""Every object fits its schema: Kubernetes' own strictly, those of its extensions by schemas of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.k8s.manifests import FOLDERS, Object, of, render

SCHEMAS = Path(__file__).with_name("schemas")
# The oldest release that has all we use without a feature gate, and the newest that the validator knows.
VERSIONS = ("1.34", "1.37")


@cache
def validators() -> dict[str, jsonschema.Draft202012Validator]:
    """Kind -> validator, of the kinds that Kubernetes does not bring."""
    read = {path.stem: yaml.safe_load(path.read_text()) for path in SCHEMAS.glob("*.yaml")}
    common = Resource.from_contents(read.pop("common"), default_specification=DRAFT202012)
    registry = Registry().with_resource("common", common)
    return {kind: jsonschema.Draft202012Validator(schema, registry=registry) for kind, schema in read.items()}


def unique(names: tuple[str, ...]) -> list[Object]:
    """The objects of several renderings, each once."""
    found = {json.dumps(each, sort_keys=True): each for name in names for each in render(name)}
    return list(found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_kinds_fit_strictly(version: str, monkeypatch: pytest.MonkeyPatch):
    # The validator reads its megabytes of definitions anew for every object.
    monkeypatch.setattr(utils, "schema_contents", cache(utils.schema_contents))
    for each in unique(tuple(FOLDERS)):
        if each["kind"] not in validators():
            kubernetes_validate.validate(each, version, strict=True)


def test_a_misspelt_field_is_refused():
    deployment = of(render("dev"), "Deployment")["color"]
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_kinds_of_extensions_fit():
    kinds = set()
    for each in unique(tuple(FOLDERS)):
        if each["kind"] in validators():
            kinds.add(each["kind"])
            errors = [error.message for error in validators()[each["kind"]].iter_errors(each)]
            assert errors == [], f"{each['kind']} {each['metadata']['name']}"
    assert kinds == set(validators()), "a schema that nothing uses checks nothing"


MISTAKES: dict[str, Callable[[Object], object]] = {
    "ScaledObject": lambda o: o["spec"]["triggers"][0]["metadata"].update(lagThreshold=10),
    "Rollout": lambda o: o["spec"]["strategy"]["canary"]["steps"].append({"setWeigth": 50}),
    "AnalysisTemplate": lambda o: o["spec"]["metrics"][0].pop("successCondition"),
    "ExternalSecret": lambda o: o["spec"].update(refreshIntervall="1h"),
    "SecretStore": lambda o: o["spec"]["provider"].update(vault={}),
    "Password": lambda o: o["spec"].update(length=8),
    "Certificate": lambda o: o["spec"]["privateKey"].update(algorithm="RSA"),
    "Issuer": lambda o: o["spec"].update(ca={"secretName": "x"}),
    "ClusterIssuer": lambda o: o.update(spec={}),
    "Bundle": lambda o: o["spec"]["sources"].append({"inline": "-----BEGIN"}),
    "PodMonitor": lambda o: o["spec"]["podMetricsEndpoints"][0].update(ports="metrics"),
    "PrometheusRule": lambda o: o["spec"]["groups"][0]["rules"][0].pop("expr"),
}


@pytest.mark.parametrize("kind", sorted(MISTAKES))
def test_each_schema_refuses_a_mistake(kind: str):
    sample = next(each for each in unique(tuple(FOLDERS)) if each["kind"] == kind)
    assert validators()[kind].is_valid(sample)
    MISTAKES[kind](sample)
    assert not validators()[kind].is_valid(sample)


def test_every_schema_has_its_mistake():
    assert set(MISTAKES) == set(validators())

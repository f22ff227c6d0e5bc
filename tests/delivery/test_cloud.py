"""Policies: each process may do what its code does, no more. Every stack in a test runs under them."""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev import cloud
from dev.home import PROJECT
from dev.servers.s3 import PROCESSES, SEAWEED, identities, seaweed_actions
from dev.stack import MODULES

GET, PUT, LIST, DELETE = {"s3:GetObject"}, {"s3:PutObject"}, {"s3:ListBucket"}, {"s3:DeleteObject"}
# What S3 asks of who makes these requests. Large files go up in parts, which may have to be given up.
NEEDS = {
    "get": GET,
    "stat": GET,
    "stream": GET,
    "download": GET,
    "put": PUT | {"s3:AbortMultipartUpload"},
    "upload": PUT | {"s3:AbortMultipartUpload"},
    "sign_upload": PUT,
    "delete": DELETE,
    "keys": LIST,
    "reachable": LIST,
    "bucket_exists": LIST,
}
# Where a process's code is: what it shares with others is called by name in its own rooms.
ROOMS = {
    **{name: [module.replace(".", "/")] for name, module in MODULES.items()},
    "topology": ["mesh/topology.py"],
}
EXCLUDED = {"report": "svc_report/annotate"}
STORES = re.compile(r"(^|\.|_)(objects|ctx|client)$")
VALUES = {
    "ACCOUNT": "123456789012",
    "REGION": "eu-central-1",
    "UPLOADS": "assay-x-uploads",
    "ARTIFACTS": "assay-x-artifacts",
    "KEY": "arn:aws:kms:eu-central-1:123456789012:key/0",
    "REPOSITORY": "owner/assay",
    "CLUSTER": "assay-x",
    "CLUSTER_ISSUER": "oidc.eks.eu-central-1.amazonaws.com/id/0",
    "ENVIRONMENT": "x",
    "ALIAS": "alias/assay-x",
}


def calls(process: str) -> Iterator[str]:
    """Methods of the object store that the process's own code calls."""
    for room in ROOMS[process]:
        place = PROJECT / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if EXCLUDED.get(process, "-") in str(path):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Attribute)
                    and node.attr in NEEDS
                    and STORES.search(ast.unparse(node.value))
                ):
                    yield node.attr


def needed(process: str) -> set[str]:
    return {action for call in calls(process) for action in NEEDS[call]}


def policy(process: str) -> dict[str, Any]:
    loaded = json.loads((cloud.DOCUMENTS / "s3" / f"{process}.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def granted(document: dict[str, Any]) -> set[str]:
    return {
        each for statement in document["Statement"] for each in statement["Action"] if each.startswith("s3:")
    }


def test_every_process_has_a_policy_and_no_policy_lacks_a_process() -> None:
    assert {path.stem for path in (cloud.DOCUMENTS / "s3").glob("*.json")} == set(PROCESSES) == set(ROOMS)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_may_do_exactly_what_its_code_does(process: str) -> None:
    assert granted(policy(process)) == needed(process)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_grant_that_nobody_uses_or_that_is_missing_would_be_seen(process: str) -> None:
    more = copy.deepcopy(policy(process))
    more["Statement"][0]["Action"].append("s3:PutBucketPolicy")
    assert granted(more) != needed(process)
    fewer = copy.deepcopy(policy(process))
    fewer["Statement"] = [each for each in fewer["Statement"] if not each["Action"][-1].startswith("s3:")]
    assert granted(fewer) != needed(process)


def faults(name: str, document: dict[str, Any]) -> list[str]:
    """What no policy of ours may hold."""
    wrong = []
    for statement in document.get("Statement", []):
        sid, actions, resources = (
            statement["Sid"],
            statement["Action"],
            statement.get("Resource", []),
        )
        actions = [actions] if isinstance(actions, str) else actions
        resources = [resources] if isinstance(resources, str) else resources
        if statement["Effect"] == "Deny":
            if "Condition" not in statement:
                wrong.append(f"{name}/{sid}: denies without a condition")
            continue
        if any("*" in each for each in actions):
            wrong.append(f"{name}/{sid}: allows actions by a wildcard")
        if statement.get("Principal") in ("*", {"AWS": "*"}):
            wrong.append(f"{name}/{sid}: allows everybody")
        # In a key's own policy "*" is the key.
        if "*" in resources and not name.startswith("keys/"):
            wrong.append(f"{name}/{sid}: allows it on everything")
        if any(each.startswith("kms:Decrypt") for each in actions) and "kms:ViaService" not in json.dumps(
            statement
        ):
            wrong.append(f"{name}/{sid}: the key may be used beside S3")
        federated = "Federated" in statement.get("Principal", {})
        if federated and ":sub" not in json.dumps(statement.get("Condition", {}).get("StringEquals", {})):
            wrong.append(f"{name}/{sid}: trusts every identity of the issuer")
        objects = [each for each in resources if "s3:::" in each]
        if name.startswith("s3/") and any(each.endswith(("uploads/*", "artifacts/*")) for each in objects):
            wrong.append(f"{name}/{sid}: reaches outside the tenants' folders")
    return wrong


def test_no_policy_is_wider_than_it_must_be() -> None:
    found = cloud.documents(VALUES)
    assert [fault for name, document in found.items() for fault in faults(name, document)] == []
    assert {f"trust/{each}" for each in PROCESSES} <= set(found)


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("s3/sway", lambda statement: statement.update(Action=["s3:*"]), "wildcard"),
        ("s3/sway", lambda statement: statement.update(Resource="*"), "on everything"),
        (
            "s3/sway",
            lambda statement: statement.update(Resource="arn:aws:s3:::assay-x-artifacts/*"),
            "tenants",
        ),
        ("s3/sway", lambda statement: statement.update(Action=["kms:Decrypt"]), "beside S3"),
        ("buckets/uploads", lambda statement: statement.pop("Condition"), "without a condition"),
        ("buckets/uploads", lambda statement: statement.update(Effect="Allow"), "everybody"),
        ("trust/deploy", lambda statement: statement["Condition"].pop("StringEquals"), "every identity"),
    ],
)
def test_a_policy_that_is_too_wide_would_be_seen(name: str, spoil: Any, says: str) -> None:
    document = copy.deepcopy(cloud.documents(VALUES)[name])
    spoil(document["Statement"][0])
    assert any(says in fault for fault in faults(name, document))


def test_who_reads_or_writes_may_use_the_key_and_topology_may_not() -> None:
    key = cloud.documents(VALUES)["keys/objects"]
    users = {each.rpartition("-x-")[2] for each in key["Statement"][1]["Principal"]["AWS"]}
    assert users == set(PROCESSES) - {"topology"}
    for process in PROCESSES:
        kms = {
            each
            for statement in policy(process)["Statement"]
            for each in statement["Action"]
            if each.startswith("kms:")
        }
        actions = granted(policy(process))
        wanted = {"kms:Decrypt"} if actions & GET else set()
        # A multipart upload is read back by S3 itself.
        wanted |= {"kms:Decrypt", "kms:GenerateDataKey"} if actions & PUT else set()
        assert kms == wanted, process


def test_buckets_refuse_plain_connections_other_keys_and_other_accounts() -> None:
    for bucket in ("uploads", "artifacts"):
        denied = {each["Sid"] for each in cloud.documents(VALUES)[f"buckets/{bucket}"]["Statement"]}
        assert denied == {"OnlyOverTls", "OnlyEncryptedByKms", "OnlyUnderOurKey", "NobodyOutsideTheAccount"}


def test_the_local_stack_gives_each_process_its_own_identity(tmp_path: Path) -> None:
    table = {each["name"]: each for each in json.loads(identities(tmp_path))["identities"]}
    assert set(table) == {"admin", "service", *PROCESSES}
    keys = [each["credentials"][0]["accessKey"] for each in table.values()]
    assert len(set(keys)) == len(keys)
    assert table["decision"]["actions"] == ["Write:assay-artifacts"]
    assert "Read:assay-uploads" not in table["segment"]["actions"]
    for process in PROCESSES:
        assert table[process]["actions"] == seaweed_actions(process)
        assert granted(policy(process)) <= set(SEAWEED)


@pytest.mark.parametrize("environment", ["staging", "prod-eu", "prod-us"])
def test_an_environments_policies_name_its_own_buckets(environment: str, tmp_path: Path) -> None:
    given = [
        "--account",
        "123456789012",
        "--key",
        VALUES["KEY"],
        "--repository",
        "owner/assay",
        "--cluster",
        "c",
    ]
    assert cloud.main([environment, *given, "--cluster-issuer", "oidc/id/0", "--out", str(tmp_path)]) == 0
    said = cloud.settings(environment)
    written = (tmp_path / "s3" / "gateway.json").read_text()
    assert said["UPLOADS"] in written
    assert said["ARTIFACTS"] in written
    assert "${" not in written
    assert f"repo:owner/assay:environment:{environment}" in (tmp_path / "trust" / "deploy.json").read_text()


def test_a_variable_without_a_value_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"Resource": "${BUKCET}"}')
    with pytest.raises(KeyError, match="BUKCET"):
        cloud.render(path, VALUES)

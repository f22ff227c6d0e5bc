"""Parts of the local stack for a benchmark: the servers it needs, a process or two of ours, a token."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import jwt

from dev import issuer, stack
from dev.home import PROJECT
from dev.ports import Claims
from dev.process import ProcessSpec, Running, run
from mesh.settings import Settings

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Part:
    """What runs, and how every process of the whole stack would be started, by name."""

    running: Mapping[str, Running]
    specs: Mapping[str, ProcessSpec]


@contextmanager
def part_of_stack(
    folder: Path, names: Sequence[str], env: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Iterator[Part]:
    """Runs the named processes of a local stack in `folder`; `env` adds variables to some by name."""
    claims = Claims()
    built = stack.build(folder, {}, claims)
    # Processes of ours run in the project's folder; here their logs may not stay there.
    specs = {
        spec.name: replace(
            spec,
            folder=folder / "logs" if spec.folder == PROJECT else spec.folder,
            env={**spec.env, **env.get(spec.name, NOTHING)},
        )
        for spec in built.specs
    }
    try:
        with run([spec for name, spec in specs.items() if name in names]) as running:
            yield Part(running, specs)
    finally:
        claims.release()


def settings_of(spec: ProcessSpec) -> Settings:
    """The settings that a process of the stack was started with."""
    names = {name.removeprefix("ASSAY_").lower(): value for name, value in spec.env.items()}
    return Settings.model_validate({k: v for k, v in names.items() if k in Settings.model_fields})


def token(folder: Path, settings: Settings) -> str:
    """An access token of a stack's development issuer, with the scope `stages:call`, for an hour."""
    keys = json.loads(issuer.key_set_file(folder).read_text())["keys"]
    now = int(time.time())
    claims = {
        "iss": settings.oidc_issuer,
        "aud": settings.oidc_audience,
        "sub": "bench",
        "tenant": str(uuid.uuid4()),
        "scope": "stages:call",
        "iat": now,
        "exp": now + 3600,
    }
    header = {"kid": keys[0]["kid"], "typ": "at+jwt"}
    return jwt.encode(claims, issuer.key_file(folder).read_text(), algorithm="ES256", headers=header)

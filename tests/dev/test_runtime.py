"""What the C libraries of a service are told is the same in the local stack and in the images."""

import re
from pathlib import Path

from dev.stack import RUNTIME

DOCKERFILE = Path(__file__).resolve().parents[2] / "k8s" / "Dockerfile"


def test_the_images_tell_services_what_the_local_stack_tells_them() -> None:
    said = dict(re.findall(r"^\s+([A-Z_]+)=(\S+)(?: \\)?$", DOCKERFILE.read_text(), re.MULTILINE))
    assert {name: said.get(name) for name in RUNTIME} == RUNTIME

"""ColorService over gRPC, behind the mesh's door, with the images in a real S3."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import numpy as np
import pytest
from assay.color.v1 import color_pb2
from assay.color.v1.color_pb2_grpc import ColorServiceStub, add_ColorServiceServicer_to_server

from dev.servers import free_ports, run, s3
from mesh import auth
from mesh.door import Door
from mesh.objects import ObjectStore
from mesh.settings import Settings
from svc_color.service import ColorService
from svc_color.stage import measure
from tests.color.test_difference import PUBLISHED
from tests.color.test_stage import PAINTING, batch, files, png
from tests.mesh.tokens import ISSUER, TENANT, Issuer

DEADLINE_S = 30


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("s3")
    ports = free_ports(s3.PORTS)
    with run([s3.spec(home, ports)]):
        keys = s3.keys(home)
        yield Settings(
            s3_endpoint=s3.endpoint(ports),
            s3_access_key=keys.access,
            s3_secret_key=keys.secret,
            s3_encryption="sse-s3",
            oidc_issuer=ISSUER,
        )


@pytest.fixture
def objects(settings: Settings) -> Iterator[ObjectStore]:
    store = ObjectStore(settings)
    yield store
    store.close()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def stub(
    settings: Settings, objects: ObjectStore, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[Any]:
    known = settings.model_copy(update={"oidc_jwks_file": issuer.write_keys(tmp_path / "jwks.json")})
    service = color_pb2.DESCRIPTOR.services_by_name["ColorService"]
    server = grpc.aio.server(interceptors=[Door(auth.rules([service]), auth.Verifier(known), known.buckets)])
    add_ColorServiceServicer_to_server(ColorService(objects), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ColorServiceStub(channel)
    await server.stop(0)


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


async def request_for(
    objects: ObjectStore, working: bytes, mask: bytes, probability: bytes
) -> color_pb2.AnalyzeColorRequest:
    prefix = f"{TENANT}/{uuid4()}"
    return color_pb2.AnalyzeColorRequest(
        working=await objects.put(prefix, "working.png", working, "image/png"),
        mask=await objects.put(prefix, "mask.png", mask, "image/png"),
        probability=await objects.put(prefix, "probability.png", probability, "image/png"),
    )


async def test_analyze_gives_what_the_stage_gives(stub: Any, objects: ObjectStore, issuer: Issuer) -> None:
    request = await request_for(objects, *files(PAINTING))
    metadata = bearer(issuer.token(scope="stages:call"))
    answer = await stub.AnalyzeColor(request, metadata=metadata, timeout=DEADLINE_S)
    expected = measure(*files(PAINTING)).page
    assert answer.page == expected
    assert len(answer.page.inks) == 2


async def test_analyze_refuses_what_does_not_fit(stub: Any, objects: ObjectStore, issuer: Issuer) -> None:
    working, _, probability = files(PAINTING)
    metadata = bearer(issuer.token(scope="stages:call"))
    request = await request_for(objects, working, png(np.zeros((7, 9), np.uint8)), probability)
    with pytest.raises(grpc.aio.AioRpcError, match="mask has 9 x 7 pixels") as caught:
        await stub.AnalyzeColor(request, metadata=metadata, timeout=DEADLINE_S)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    request.mask.key = f"{TENANT}/nowhere"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.AnalyzeColor(request, metadata=metadata, timeout=DEADLINE_S)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    request = await request_for(objects, working, b"no picture at all" * 10, probability)
    with pytest.raises(grpc.aio.AioRpcError, match="mask is not a PNG"):
        await stub.AnalyzeColor(request, metadata=metadata, timeout=DEADLINE_S)


async def test_difference_over_the_wire(stub: Any, issuer: Issuer) -> None:
    metadata = bearer(issuer.token(scope="color:read"))
    answer = await stub.Difference(batch(), metadata=metadata, timeout=DEADLINE_S)
    assert list(answer.differences) == pytest.approx(PUBLISHED, abs=1e-4)
    wrong = batch()
    wrong.pairs[3].reference.a = 1e9
    with pytest.raises(grpc.aio.AioRpcError, match=r"pairs\[3\].reference.a") as caught:
        await stub.Difference(wrong, metadata=metadata, timeout=DEADLINE_S)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_scopes_are_kept_apart(stub: Any, issuer: Issuer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Difference(batch(), metadata=bearer(issuer.token(scope="stages:call")), timeout=DEADLINE_S)
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED

"""Whose objects a call may name: the caller's tenant's, in our own buckets."""

from __future__ import annotations

import grpc
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1 import segment_pb2, segment_pb2_grpc

from mesh import auth, tenancy
from mesh.door import Door
from mesh.errors import PermissionDenied
from mesh.settings import Settings

from .tokens import ISSUER, TENANT, Issuer

OTHER = "11111111-1f5e-4f0e-9d55-1a2b3c4d5e6f"
BUCKETS = frozenset({"assay-uploads", "assay-artifacts"})


def ref(key: str, bucket: str = "assay-artifacts") -> ObjectRef:
    return ObjectRef(bucket=bucket, key=key)


@pytest.mark.parametrize(
    "key",
    [
        f"{OTHER}/j/segment/mask.png/x",
        f"{TENANT}/../{OTHER}/j",
        f"{TENANT}/./j",
        f"{TENANT}//j",
        f"{TENANT}",
        f"/{TENANT}/j",
        f"{TENANT}0/j",
        f"{TENANT}/a\\b",
        f"{TENANT}/a\0b",
    ],
)
def test_keys_that_are_not_the_tenants(key):
    with pytest.raises(PermissionDenied) as caught:
        tenancy.check(ref(key), TENANT, BUCKETS)
    assert caught.value.code == "TENANT_MISMATCH"


def test_only_our_buckets():
    tenancy.check(ref(f"{TENANT}/j/x"), TENANT, BUCKETS)
    with pytest.raises(PermissionDenied):
        tenancy.check(ref(f"{TENANT}/j/x", "backups"), TENANT, BUCKETS)


def test_references_are_found_at_any_depth():
    analysis = Analysis()
    analysis.job.upload.CopyFrom(ref("a"))
    analysis.segment.mask.CopyFrom(ref("b"))
    found = {(path, each.key) for path, each in tenancy.references(analysis)}
    assert found == {("job.upload", "a"), ("segment.mask", "b")}
    assert list(tenancy.references(color_pb2.DifferenceRequest(pairs=[color_pb2.LabPair()] * 3))) == []


class Segments(segment_pb2_grpc.SegmentServiceServicer):
    """Answers whatever passes the door."""

    async def Segment(self, request, context):
        return segment_pb2.SegmentResponse(mask_png=b"reached")


class Colors(color_pb2_grpc.ColorServiceServicer):
    """Answers whatever passes the door."""

    async def AnalyzeColor(self, request, context):
        return color_pb2.AnalyzeColorResponse()


async def test_the_door_refuses_another_tenants_object(tmp_path):
    issuer = Issuer()
    settings = Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(tmp_path / "jwks.json"))
    services = [
        segment_pb2.DESCRIPTOR.services_by_name["SegmentService"],
        color_pb2.DESCRIPTOR.services_by_name["ColorService"],
    ]
    door = Door(auth.rules(services), auth.Verifier(settings), settings.buckets)
    server = grpc.aio.server(interceptors=[door])
    segment_pb2_grpc.add_SegmentServiceServicer_to_server(Segments(), server)
    color_pb2_grpc.add_ColorServiceServicer_to_server(Colors(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    metadata = (("authorization", f"Bearer {issuer.token(scope='stages:call')}"),)
    mine, foreign = ref(f"{TENANT}/j/ingest/working.png/x"), ref(f"{OTHER}/j/ingest/working.png/x")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        segment = segment_pb2_grpc.SegmentServiceStub(channel).Segment
        answer = await segment(segment_pb2.SegmentRequest(object=mine), metadata=metadata, timeout=5)
        assert answer.mask_png == b"reached"
        color = color_pb2_grpc.ColorServiceStub(channel).AnalyzeColor
        for call, request in (
            (segment, segment_pb2.SegmentRequest(object=foreign)),
            (color, color_pb2.AnalyzeColorRequest(working=mine, mask=foreign, probability=mine)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(request, metadata=metadata, timeout=5)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    await server.stop(0)

"""The ingest process."""

import grpc.aio
from assay.ingest.v1 import ingest_pb2
from assay.ingest.v1.ingest_pb2_grpc import add_IngestServiceServicer_to_server

from mesh import service
from svc_ingest.service import IngestService
from svc_ingest.stage import STAGE


def register(server: grpc.aio.Server, resources: service.Resources) -> None:
    """Puts the servicer on the server."""
    add_IngestServiceServicer_to_server(IngestService(resources.objects), server)


if __name__ == "__main__":
    service.run(
        "svc_ingest",
        services=[ingest_pb2.DESCRIPTOR.services_by_name["IngestService"]],
        register=register,
        stages=[STAGE],
    )

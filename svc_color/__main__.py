"""The colour process."""

import grpc.aio
from assay.color.v1 import color_pb2
from assay.color.v1.color_pb2_grpc import add_ColorServiceServicer_to_server

from mesh import service
from svc_color.service import ColorService
from svc_color.stage import STAGE


def register(server: grpc.aio.Server, resources: service.Resources) -> None:
    """Puts the servicer on the server."""
    add_ColorServiceServicer_to_server(ColorService(resources.objects), server)


if __name__ == "__main__":
    service.run(
        "svc_color",
        services=[color_pb2.DESCRIPTOR.services_by_name["ColorService"]],
        register=register,
        stages=[STAGE],
    )

"""The report process."""

from __future__ import annotations

import grpc.aio
from assay.report.v1 import report_pb2
from assay.report.v1.report_pb2_grpc import add_ReportServiceServicer_to_server

from mesh import service
from svc_report.service import ReportService
from svc_report.stage import STAGE


def register(server: grpc.aio.Server, resources: service.Resources) -> None:
    """Puts the servicer on the server."""
    add_ReportServiceServicer_to_server(ReportService(resources.objects), server)


if __name__ == "__main__":
    service.run(
        "svc_report",
        services=[report_pb2.DESCRIPTOR.services_by_name["ReportService"]],
        register=register,
        stages=[STAGE],
    )

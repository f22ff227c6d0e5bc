"""The annotate process. It follows the mesh and serves no calls but health."""

from __future__ import annotations

import grpc.aio

from mesh import service
from svc_report.annotate.stage import STAGE


def register(server: grpc.aio.Server, resources: service.Resources) -> None:
    """There is no servicer to put on the server."""


if __name__ == "__main__":
    service.run("svc_report_annotate", services=[], register=register, stages=[STAGE])

"""The process of the sway room."""

from __future__ import annotations

from assay.balance.v1 import balance_pb2

from mesh import service
from svc_balance.sway.service import register
from svc_balance.sway.stage import STAGE

if __name__ == "__main__":
    service.run(
        "svc_balance.sway",
        services=[balance_pb2.DESCRIPTOR.services_by_name["SwayService"]],
        register=register,
        stages=[STAGE],
    )

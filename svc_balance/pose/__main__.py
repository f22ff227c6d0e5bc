"""The process of the pose stage."""

from __future__ import annotations

from assay.balance.v1 import balance_pb2

from mesh import service
from svc_balance.pose.service import register
from svc_balance.pose.stage import STAGE

if __name__ == "__main__":
    service.run(
        "svc_balance.pose",
        services=[balance_pb2.DESCRIPTOR.services_by_name["PoseService"]],
        register=register,
        stages=[STAGE],
    )

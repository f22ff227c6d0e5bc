"""The decision process."""

import grpc.aio
from assay.decision.v1 import decision_pb2
from assay.decision.v1.decision_pb2_grpc import add_DecisionServiceServicer_to_server

from mesh import service
from svc_decision.balance.stage import STAGE as BALANCE
from svc_decision.service import DecisionService
from svc_decision.stage import STAGE as TATTOO


def register(server: grpc.aio.Server, resources: service.Resources) -> None:
    """Puts the servicer on the server."""
    add_DecisionServiceServicer_to_server(DecisionService(), server)


if __name__ == "__main__":
    service.run(
        "svc_decision",
        services=[decision_pb2.DESCRIPTOR.services_by_name["DecisionService"]],
        register=register,
        stages=[TATTOO, BALANCE],
    )

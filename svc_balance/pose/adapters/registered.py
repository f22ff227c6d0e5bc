"""Any registered pose network as a backend, by its name and version."""

from __future__ import annotations

from svc_balance.pose.adapters import blazepose, movenet, student
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.contract import find


def open_backend(model: str, *, threads: int = 0) -> Backend:
    """Of "movenet-thunder@3.0.4", for example; a student also before its release. Raises as its adapter."""
    if student.is_one(model):
        return student.backend(model, threads=threads)
    opened = movenet.backend if movenet.is_one(model) else blazepose.backend
    return opened(model, threads=threads)


def size_bytes(model: str) -> int:
    """Of the ONNX file; raises NotFound (MODEL_NOT_FOUND)."""
    return student.size_bytes(model) if student.is_one(model) else find(model).size_bytes

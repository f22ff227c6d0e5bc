"""What a process shows of what it uses: processor time by run, pools, certificates, GPUs."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY

from mesh import cpu, gpu, usage


def burn(seconds: float) -> None:
    """Uses so much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_run_is_charged_what_its_threads_use():
    meter = cpu.Meter()
    burn(0.02)
    share = meter.begin()
    thread = threading.Thread(target=burn, args=(0.05,))
    thread.start()
    thread.join()
    assert meter.end(share) == pytest.approx(0.05, abs=0.02)


def test_runs_at_once_share_and_lose_nothing():
    meter, before = cpu.Meter(), cpu.spent()
    first = meter.begin()
    burn(0.02)
    second = meter.begin()
    burn(0.04)
    charged = meter.end(first)
    burn(0.02)
    total = charged + meter.end(second)
    assert charged == pytest.approx(0.04, abs=0.01)
    assert total == pytest.approx(cpu.spent() - before, abs=0.005)


def test_children_are_charged_too():
    meter = cpu.Meter()
    share = meter.begin()
    cpu.spent_by_child(1.5)
    assert meter.end(share) >= 1.5


def pool(name: str, state: str) -> float | None:
    return REGISTRY.get_sample_value("assay_pool_connections", {"pool": name, "state": state})


def test_a_pool_tells_who_works_and_who_waits():
    threads, free = usage.Threads("probe", 2), threading.Event()
    assert (pool("probe", "idle"), pool("probe", "used"), pool("probe", "waiting")) == (2, 0, 0)
    given = [threads.submit(free.wait, 10) for _ in range(3)]
    assert (pool("probe", "idle"), pool("probe", "used"), pool("probe", "waiting")) == (0, 2, 1)
    free.set()
    assert [future.result(10) for future in given] == [True] * 3
    threads.shutdown()
    assert (pool("probe", "idle"), pool("probe", "used"), pool("probe", "waiting")) == (2, 0, 0)
    with pytest.raises(RuntimeError):
        threads.submit(free.wait)
    assert pool("probe", "used") == 0


def certificate(days: int) -> tuple[bytes, datetime]:
    """A self-signed certificate in PEM and when it ends."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(days)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), ends


def test_the_end_of_certificates_is_shown(tmp_path: Path):
    soon, ends = certificate(3)
    later, _ = certificate(300)
    (tmp_path / "door.crt").write_bytes(later + soon)
    (tmp_path / "broken.pem").write_text("no certificate")
    (tmp_path / "door.key").write_text("not looked at")
    usage.read_certificates(tmp_path)
    shown = REGISTRY.get_sample_value("assay_certificate_expiry_timestamp_seconds", {"name": "door"})
    assert shown == ends.timestamp()
    assert REGISTRY.get_sample_value("assay_certificate_expiry_timestamp_seconds", {"name": "broken"}) is None


def test_without_nvml_there_is_no_gpu():
    assert gpu.devices("libno-such-library.so.1") == ()


class Nvml:
    """NVML's functions on a machine with two GPUs of which one is lost; out-parameters come by reference."""

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle) -> int:
        handle._obj.value = 0x1000 + index
        return 15 if index else 0

    def nvmlDeviceGetUtilizationRates(self, handle, found) -> int:
        found._obj.gpu = 37
        return handle.value != 0x1000

    def nvmlDeviceGetMemoryInfo(self, handle, found) -> int:
        found._obj.total, found._obj.used = 80 * 2**30, 1024
        return handle.value != 0x1000


def test_what_nvml_says_is_shown():
    (found,) = gpu.opened(Nvml())
    assert (found.index, found.utilization()) == (0, 0.37)
    assert (found.memory_used(), found.memory_total()) == (1024.0, 80.0 * 2**30)
    lost = gpu.Gpu(1, found.library, ctypes.c_void_p(0))
    assert math.isnan(lost.utilization())
    assert math.isnan(lost.memory_used())

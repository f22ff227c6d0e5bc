"""Nothing about a run leaves the machine by way of ONNX Runtime."""

import subprocess
import sys


def test_loading_the_model_leaves_no_device_id_behind(tmp_path):
    code = "from svc_segment.model import load_model; print(load_model().provider)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "ExecutionProvider" in done.stdout
    assert not list(tmp_path.rglob("*"))

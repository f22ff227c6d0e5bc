"""Ink segmentation."""

import os

# ONNX Runtime 1.31 makes a device id under the home folder and reports use to its maker, unless
# told otherwise before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""The peer of bench/pose.py: MediaPipe on the same decoded frames, in an environment of its own.

Run by bench/pose.py with the peer's Python; imports nothing of this project. Reads one command a line from
standard input ("run") and answers one JSON line each.

    python pose_peer.py bundle POSE.task DETECTOR.tflite LANDMARKS.tflite
    python pose_peer.py solutions FRAMES.npy
    python pose_peer.py tasks FRAMES.npy POSE.task
"""

from __future__ import annotations

import json
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mediapipe as mp
import numpy as np


def solutions() -> tuple[Callable[[Any, int], bool], Callable[[], None]]:
    """The legacy graph, complexity 1 (full), tracking."""
    pose = mp.solutions.pose.Pose(static_image_mode=False, model_complexity=1)

    def process(frame: Any, _: int) -> bool:
        return pose.process(frame).pose_landmarks is not None

    return process, pose.close


def tasks(model: Path) -> tuple[Callable[[Any, int], bool], Callable[[], None]]:
    """PoseLandmarker in VIDEO mode."""
    from mediapipe.tasks import python
    from mediapipe.tasks.python import vision

    options = vision.PoseLandmarkerOptions(
        base_options=python.BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO
    )
    found = vision.PoseLandmarker.create_from_options(options)

    def process(frame: Any, time_ms: int) -> bool:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
        return bool(found.detect_for_video(image, time_ms).pose_landmarks)

    return process, found.close


def bundle(target: Path, detector: Path, landmarks: Path) -> None:
    """Writes a .task: a stored zip of both models, each with the normalisation of its input as metadata.

    Needs mediapipe 0.10: later wheels lack the metadata writer.
    """
    from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer

    def described(path: Path, mean: float, std: float) -> bytes:
        writer = metadata_writer.MetadataWriter.create(path.read_bytes())
        # 1 is RGB in the metadata schema's ColorSpaceType.
        writer.add_image_input([mean], [std], 1)
        return bytes(writer.populate()[0])

    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pose_detector.tflite", described(detector, 127.5, 127.5))
        archive.writestr("pose_landmarks_detector.tflite", described(landmarks, 0.0, 255.0))


def main() -> None:
    """Answers until standard input ends."""
    if sys.argv[1] == "bundle":
        bundle(*map(Path, sys.argv[2:5]))
        return
    frames = np.load(sys.argv[2], mmap_mode="r")
    pictures = [np.ascontiguousarray(frame) for frame in frames]
    for _ in sys.stdin:
        process, close = solutions() if sys.argv[1] == "solutions" else tasks(Path(sys.argv[3]))
        process(pictures[0], 0)
        times, found, spent = [], 0, time.process_time()
        for index, picture in enumerate(pictures):
            began = time.perf_counter()
            found += process(picture, 33 * (index + 1))
            times.append(time.perf_counter() - began)
        spent = time.process_time() - spent
        close()
        answer = {"version": mp.__version__, "seconds": times, "cpu_seconds": spent, "found": found}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

"""Write the samples again: `python -m models.sample photo|video`."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.sample import photo, video

HERE = Path(__file__).parent

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a synthetic sample into this folder.")
    parser.add_argument("which", choices=("photo", "video"))
    if parser.parse_args().which == "photo":
        (HERE / "tattoo.jpg").write_bytes(photo.make(photo.SEED))
    else:
        video.make(HERE / "balance.mp4")

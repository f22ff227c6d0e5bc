"""Write the sample photo: `python -m models.sample` makes models/sample/tattoo.jpg again."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.sample.photo import SEED, make

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the synthetic sample photo.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("tattoo.jpg"))
    asked = parser.parse_args()
    asked.output.write_bytes(make(asked.seed))

"""Training of the ink segmenter; runs in its own environment (models/train/.venv), never in a service's."""

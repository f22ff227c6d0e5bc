"""Trains, measures and releases the ink segmenter: `python -m models.train.ink --help`."""

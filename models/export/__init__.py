"""Other formats of released models for phones and other runtimes, each behind a parity gate.

    python -m models.export

runs in the project's environment: it writes the ONNX forms, judges and times everything, and keeps the table.
PyTorch, LiteRT's and Core ML's converters live in an environment of their own (models/export/.venv), where
`models.export.convert` runs.
"""

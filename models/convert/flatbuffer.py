"""Reads FlatBuffers: just enough of the format to walk the tables of a model file.

Format: https://flatbuffers.dev/internals: little-endian; a table begins with the signed distance back to its
vtable, which holds, per field, the field's offset in the table (0: absent); vectors, strings and tables are
referred to by unsigned forward offsets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput


@dataclass(frozen=True)
class Table:
    """A table at `position` of `data`; absent fields read as their default."""

    data: bytes
    position: int

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A scalar field; `kind` is a struct format: b, B, h, i, I."""
        at = self._field(field)
        return int(_unpack(self.data, kind, at)) if at else default

    def table(self, field: int) -> Table | None:
        """A table or union member, None when absent."""
        at = self._field(field)
        return Table(self.data, at + int(_unpack(self.data, "I", at))) if at else None

    def tables(self, field: int) -> list[Table]:
        """A vector of tables, empty when absent."""
        return list(self._tables(field))

    def text(self, field: int) -> str:
        """A string, empty when absent."""
        return self.vector(field, np.uint8).tobytes().decode("utf-8", "replace")

    def vector(self, field: int, dtype: Any) -> NDArray[Any]:
        """A vector of scalars as an array [n], empty when absent."""
        start, count = self._vector(field)
        size = count * np.dtype(dtype).itemsize
        if start + size > len(self.data):
            raise damaged(f"a vector of {size} bytes at {start} runs past the end")
        return np.frombuffer(self.data, dtype, count, start) if count else np.zeros(0, dtype)

    def _tables(self, field: int) -> Iterator[Table]:
        start, count = self._vector(field)
        if start + 4 * count > len(self.data):
            raise damaged(f"a vector of {count} tables at {start} runs past the end")
        for at in range(start, start + 4 * count, 4):
            yield Table(self.data, at + int(_unpack(self.data, "I", at)))

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if not at:
            return 0, 0
        start = at + int(_unpack(self.data, "I", at))
        return start + 4, int(_unpack(self.data, "I", start))

    def _field(self, field: int) -> int:
        vtable = self.position - int(_unpack(self.data, "i", self.position))
        if 4 + 2 * field >= int(_unpack(self.data, "H", vtable)):
            return 0
        offset = int(_unpack(self.data, "H", vtable + 4 + 2 * field))
        return self.position + offset if offset else 0


def root(data: bytes, identifier: bytes) -> Table:
    """The root table; raises InvalidInput (MODEL_FILE_DAMAGED) when the four-byte identifier is another."""
    if data[4:8] != identifier:
        raise damaged(f"it does not begin with {identifier.decode()}")
    return Table(data, int(_unpack(data, "I", 0)))


def damaged(why: str) -> InvalidInput:
    """The error of a file that cannot be read as what it claims to be."""
    return InvalidInput(
        "MODEL_FILE_DAMAGED",
        f"The model file cannot be read: {why}.",
        field="model",
        fix="Fetch it again: python -m models.convert --again",
    )


def _unpack(data: bytes, kind: str, at: int) -> int:
    try:
        (value,) = struct.unpack_from("<" + kind, data, at)
    except struct.error as error:
        raise damaged(f"an offset points to byte {at} of {len(data)}") from error
    return int(value)

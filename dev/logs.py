"""A log file that starts anew when it has grown too big."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 8 * 2**20
KEPT = 3


class RotatingLog:
    """Appends bytes to `path`; beyond `max_bytes` the file becomes `path`.1, and so on to `KEPT`."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.max_bytes = max_bytes
        self._file = path.open("ab")

    def write(self, data: bytes) -> None:
        """Appends; rotates only after a line's end."""
        self._file.write(data)
        self._file.flush()
        if self._file.tell() > self.max_bytes and data.endswith(b"\n"):
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))
        self._file = self.path.open("ab")

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file, from at most its last 256 KiB; none when there is no file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 256 * 1024))
        return file.read().decode(errors="replace").splitlines()[-lines:]

"""Where the kernel's C sources and its library lie, and what ties one to the other."""

import ctypes
import hashlib
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
SOURCES: Final = FOLDER / "source"
LIBRARY: Final = FOLDER / ("libassay_colour.dylib" if sys.platform == "darwin" else "libassay_colour.so")


def digest() -> str:
    """SHA-256 (hex) of the C sources and of the build that turns them into a library."""
    found = hashlib.sha256()
    for path in [*sorted(SOURCES.glob("*.[ch]")), FOLDER / "build.py"]:
        found.update(f"{path.name} {path.stat().st_size}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def load() -> tuple[ctypes.CDLL | None, str]:
    """The library that these sources make, or why there is none."""
    if not LIBRARY.is_file():
        return None, f"{LIBRARY.name} is not built"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        library.assay_digest.restype = ctypes.c_char_p
        library.assay_variant.restype = ctypes.c_char_p
        made_from = library.assay_digest().decode()
    except (OSError, AttributeError) as error:
        return None, f"{LIBRARY.name} does not load: {error}"
    if made_from != digest():
        return None, f"{LIBRARY.name} was built from other sources than these"
    return library, ""

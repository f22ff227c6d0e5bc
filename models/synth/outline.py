"""SVG path data to polygons: the icon sets that training may use as motifs are written in it."""

from __future__ import annotations

import re

import numpy as np

from models.synth.arrays import Points

_TOKEN = re.compile(r"[MmLlHhVvCcSsQqTtAaZz]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_STEPS = 8


def polygons(path: str) -> list[Points]:
    """Closed contours (N, 2) of an SVG path's `d` attribute (SVG 1.1 section 8.3).

    Curves become 8 segments each; elliptical arcs become their chord, which is enough for a motif.
    Raises ValueError for data that does not start with a move.
    """
    contours: list[Points] = []
    current: list[complex] = []
    at = start = control = 0j
    previous = ""
    for letter, values in _segments(path):
        relative, command = letter.islower(), letter.upper()
        origin = at if relative else 0j
        if command == "M":
            _close(contours, current)
            at = start = origin + complex(values[0], values[1])
            current = [at]
        elif not current:
            raise ValueError("path data must start with a move")
        elif command == "Z":
            at = start
            _close(contours, current)
            current = [start]
        elif command in "LHVA":
            at = _line_end(command, values, at, relative)
            current.append(at)
        else:
            curve, control = _curve(command, values, at, origin, control if previous in "CSQT" else at)
            at = curve[-1]
            current.extend(curve)
        previous = command
    _close(contours, current)
    return contours


def _segments(path: str) -> list[tuple[str, list[float]]]:
    tokens = _TOKEN.findall(path)
    out: list[tuple[str, list[float]]] = []
    letter, i = "", 0
    while i < len(tokens):
        if tokens[i].isalpha():
            letter, i = tokens[i], i + 1
        elif letter in "Zz":
            raise ValueError("numbers after the end of a path")
        arity = _ARITY[letter.upper()]
        out.append((letter, [float(t) for t in tokens[i : i + arity]]))
        i += arity
        if letter in "Mm":  # further pairs after a move are lines
            letter = "l" if letter == "m" else "L"
    return out


def _line_end(command: str, values: list[float], at: complex, relative: bool) -> complex:
    if command == "H":
        return complex(values[0] + (at.real if relative else 0), at.imag)
    if command == "V":
        return complex(at.real, values[0] + (at.imag if relative else 0))
    return complex(values[-2], values[-1]) + (at if relative else 0)


def _curve(
    command: str, values: list[float], at: complex, origin: complex, control: complex
) -> tuple[list[complex], complex]:
    points = [origin + complex(values[k], values[k + 1]) for k in range(0, len(values), 2)]
    if command in "ST":
        points.insert(0, 2 * at - control)
    t = np.linspace(0, 1, _STEPS + 1)[1:]
    s = 1 - t
    if len(points) == 3:
        curve = s**3 * at + 3 * s * s * t * points[0] + 3 * s * t * t * points[1] + t**3 * points[2]
    else:
        curve = s * s * at + 2 * s * t * points[0] + t * t * points[1]
    return [complex(z) for z in curve], points[-2]


def _close(contours: list[Points], current: list[complex]) -> None:
    if len(current) > 2:
        z = np.array(current)
        contours.append(np.stack([z.real, z.imag], 1))

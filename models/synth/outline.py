"""SVG path data to polylines: the sets that training may use as motifs are written in it."""

from __future__ import annotations

import re

import numpy as np

from models.synth.arrays import Points

_NUMBER = re.compile(r"[\s,]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_FLAG = re.compile(r"[\s,]*([01])")
_COMMAND = re.compile(r"[\s,]*([MmLlHhVvCcSsQqTtAaZz])")
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_STEPS = 8
_ARC_STEP = np.pi / 12
_NO_WAY = 1e-9


def polygons(path: str) -> list[Points]:
    """Closed contours (N, 2) of an SVG path's `d` attribute as a fill closes them (SVG 1.1 section 8.3).

    Curves become 8 segments each, elliptical arcs at most 15 degrees a segment.
    Raises ValueError for data that does not start with a move or breaks off.
    """
    return [points for points, _ in subpaths(path) if len(points) > 2]


def subpaths(path: str) -> list[tuple[Points, bool]]:
    """Each subpath of a `d` attribute as points (N, 2), and whether Z closed it. Raises as `polygons`."""
    out: list[tuple[Points, bool]] = []
    current: list[complex] = []
    at = start = control = 0j
    previous = ""
    for letter, values in _segments(path):
        relative, command = letter.islower(), letter.upper()
        origin = at if relative else 0j
        if command == "M":
            _keep(out, current, closed=False)
            at = start = origin + complex(values[0], values[1])
            current = [at]
        elif not current:
            raise ValueError("path data must start with a move")
        elif command == "Z":
            at = start
            _keep(out, current, closed=True)
            current = [start]
        elif command in "LHV":
            at = _line_end(command, values, at, relative)
            current.append(at)
        elif command == "A":
            current.extend(arc(at, values, origin + complex(values[5], values[6])))
            at = current[-1]
        else:
            smooth = previous in ("CS" if command in "CS" else "QT")
            curve, control = _curve(command, values, at, origin, control if previous and smooth else at)
            at = curve[-1]
            current.extend(curve)
        previous = command
    _keep(out, current, closed=False)
    return out


def arc(start: complex, values: list[float], end: complex) -> list[complex]:
    """Points of an elliptical arc after `start` up to `end` (SVG 1.1 appendix F.6.5 and F.6.6).

    `values`: rx, ry, rotation in degrees, large-arc flag, sweep flag. Radii that are too small are scaled up.
    """
    rx, ry, large, sweep = abs(values[0]), abs(values[1]), values[3] != 0, values[4] != 0
    if abs(start - end) < _NO_WAY or rx == 0 or ry == 0:
        return [end]
    turn = np.exp(1j * np.radians(values[2]))
    half = (start - end) / 2 / turn
    x, y = half.real, half.imag
    excess = (x / rx) ** 2 + (y / ry) ** 2
    if excess > 1:
        rx, ry = rx * np.sqrt(excess), ry * np.sqrt(excess)
        excess = 1.0
    scale = np.sqrt(max(0.0, 1 / excess - 1)) * (-1 if large == sweep else 1)
    centre = scale * complex(rx * y / ry, -ry * x / rx)
    first = np.angle(complex((x - centre.real) / rx, (y - centre.imag) / ry))
    last = np.angle(complex((-x - centre.real) / rx, (-y - centre.imag) / ry))
    span = (last - first) % (2 * np.pi)
    if not sweep and span > 0:
        span -= 2 * np.pi
    steps = max(1, int(np.ceil(abs(span) / _ARC_STEP)))
    angles = first + span * np.arange(1, steps) / steps
    middle = centre * turn + (start + end) / 2
    points = (rx * np.cos(angles) + 1j * ry * np.sin(angles)) * turn + middle
    return [*(complex(z) for z in points), end]


def _segments(path: str) -> list[tuple[str, list[float]]]:
    """Commands with their numbers; a command whose letter is left out is repeated."""
    out: list[tuple[str, list[float]]] = []
    letter, at, end = "", 0, len(path.rstrip(" ,\t\r\n"))
    while at < end:
        found = _COMMAND.match(path, at)
        if found:
            letter, at = found[1], found.end()
        elif letter in ("", "Z", "z"):
            raise ValueError(f"path data: no command at place {at}")
        values = []
        for k in range(_ARITY[letter.upper()]):
            number = (_FLAG if letter in "Aa" and k in (3, 4) else _NUMBER).match(path, at)
            if not number:
                raise ValueError(f"path data: {letter} lacks a number at place {at}")
            values.append(float(number[1]))
            at = number.end()
        out.append((letter, values))
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


def _keep(out: list[tuple[Points, bool]], current: list[complex], closed: bool) -> None:
    if len(current) > 1:
        z = np.array(current)
        out.append((np.stack([z.real, z.imag], 1), closed))

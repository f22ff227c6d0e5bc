"""Which inks a tattooer reaches for."""

from __future__ import annotations

import numpy as np

from models.synth.arrays import Rng
from models.synth.inks import INK_CLASSES, Ink

COLOURS = tuple(name for name in INK_CLASSES if name not in ("black", "grey", "flesh", "white"))
_REACHED_FOR = {"red": 4.0, "pink": 2.0, "blue": 1.5, "dark_blue": 1.5, "dark_green": 1.5, "purple": 1.5}
"""How often, where not once: red is the commonest colour beside black."""
_SHALLOW_CM, _DEEP_CM = 0.002, 0.012


def ink(rng: Rng, name: str) -> Ink:
    """A bottle of that class, well packed, at some depth."""
    return Ink(name, float(rng.uniform(0.75, 1.2)), float(rng.uniform(_SHALLOW_CM, 0.008)))


def black(rng: Rng) -> Ink:
    return ink(rng, "black")


def colour(rng: Rng) -> Ink:
    shares = np.array([_REACHED_FOR.get(name, 1.0) for name in COLOURS])
    return ink(rng, str(rng.choice(COLOURS, p=shares / shares.sum())))


def line_ink(rng: Rng) -> Ink:
    """Lines are black four times in five."""
    return black(rng) if rng.random() < 0.8 else colour(rng)


def any_ink(rng: Rng, colourful: float = 0.7) -> Ink:
    if rng.random() < colourful:
        return colour(rng)
    return ink(rng, "grey" if rng.random() < 0.4 else "black")


def highlight(rng: Rng) -> Ink:
    """White, or flesh where bare skin is imitated."""
    return ink(rng, "white" if rng.random() < 0.8 else "flesh")


def aged(rng: Rng, inks: tuple[Ink, ...]) -> tuple[Ink, ...]:
    """The same inks after the years that one tattoo has seen: fainter and deeper, all alike."""
    if rng.random() < 0.72:
        keep, sink = rng.uniform(0.75, 1.05), rng.uniform(0.9, 1.2)
    else:
        keep, sink = rng.uniform(0.15, 0.75), rng.uniform(1.0, 1.8)
    return tuple(
        Ink(i.name, float(i.amount * keep), float(min(max(i.clear_cm * sink, _SHALLOW_CM), _DEEP_CM)))
        for i in inks
    )

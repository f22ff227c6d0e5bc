"""The sixteen classes of ink, and one ink as it lies in the skin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INK_CLASSES: Final = (
    "black",
    "grey",
    "dark_blue",
    "blue",
    "light_blue",
    "teal",
    "dark_green",
    "light_green",
    "purple",
    "pink",
    "red",
    "orange",
    "yellow",
    "brown",
    "flesh",
    "white",
)
"""In the order of `svc_color.prior.RECIPES`. Class maps hold 0 for none and 1..16 for these."""


@dataclass(frozen=True)
class Ink:
    """One bottle of ink, and how it lies in the skin."""

    name: str
    """One of `INK_CLASSES`."""
    amount: float
    """Relative amount of pigment: 1 dense and fresh, 0.1 very faded."""
    clear_cm: float
    """Depth of clear dermis above the ink, 0.002..0.012 cm."""

    def __post_init__(self) -> None:
        if self.name not in INK_CLASSES:
            raise ValueError(f"name: {self.name!r} is no class of ink, use one of {', '.join(INK_CLASSES)}")

    @property
    def number(self) -> int:
        """Its number in a class map, 1..16."""
        return INK_CLASSES.index(self.name) + 1

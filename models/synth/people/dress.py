"""What a person looks like: skin, hair, clothes (MakeHuman's tights, cut, loosened and coloured)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth.people import asset
from models.synth.people.body import Body, Singles
from models.synth.people.fields import BODY, EYES, HAIR, HEAD, LEFT_LEG, NECK, RIGHT_ARM, TIGHTS, TORSO
from models.synth.people.raster import Ints, triangles_of
from svc_color.space import lab_to_xyz, xyz_to_linear

Floats = NDArray[np.float64]
Rng = np.random.Generator

SKIN, TOP, BOTTOM, SOCK, SHOE, TRESS = range(6)
BARE = 9.0
_OVERLAP = 0.12
"""How far skin goes on under a hem, in the units of `along`."""
_HAIR = (
    (0.006, 0.005, 0.005),
    (0.03, 0.017, 0.01),
    (0.09, 0.05, 0.025),
    (0.35, 0.24, 0.12),
    (0.4, 0.39, 0.38),
)
_IRIS = ((0.03, 0.015, 0.008), (0.06, 0.04, 0.015), (0.06, 0.1, 0.16), (0.07, 0.09, 0.05))


@dataclass(frozen=True)
class Look:
    """Colours: linear sRGB. palette: [6, 3] of the kinds above (skin, top, bottom, sock, shoe, long hair).

    Cuts are in the units of the asset's `along`: sleeve 0 shoulder to 2 wrist; leg 0 hip to 2 ankle; collar
    and waist on the trunk, 0 hips to 1 shoulders; shoe and sock 2 ankle to 3 sole or above. BARE: not worn.
    loose_mm: how far top and bottom stand off. hair: "bald", "short", "long", "cap". patterns: of top and
    bottom, "" for none.
    """

    ita_deg: float
    palette: Floats
    iris: Floats
    hair_colour: Floats
    hair: str = "short"
    hair_mm: float = 10.0
    sleeve: float = 0.6
    collar: float = 1.1
    hem: float = 0.0
    waist: float = 0.25
    leg: float = 0.7
    sock: float = BARE
    shoe: float = 2.2
    loose_mm: tuple[float, float] = (8.0, 8.0)
    patterns: tuple[str, str] = ("", "")
    pattern_mm: float = 60.0
    pattern_colour: Floats | None = None


@dataclass(frozen=True)
class Dressed:
    """triangles: [T, 3]; kinds: [T] of the constants above; skin: [V, 3] colours of the vertices; lift: [V]
    mm by which the surface stands off along the normals."""

    triangles: Ints
    kinds: NDArray[np.uint8]
    skin: Singles
    lift: Singles


def skin_colour(ita_deg: float, redness: float = 11.0) -> Floats:
    """Linear sRGB of skin of an individual typology angle (Chardon 1991: tan ITA = (L* - 50) / b*), D65."""
    lightness = 50 + ita_deg / 2.4
    slope = np.tan(np.radians(ita_deg))
    yellow = (lightness - 50) / slope if abs(slope) > 1e-3 else 180 / np.pi / 2.4
    return np.clip(xyz_to_linear(lab_to_xyz(np.array([lightness, redness, yellow]))), 0.003, 1)


def sampled(rng: Rng, shape: Body) -> Look:
    """A look for a body: everyday and sports clothes, barefoot or not."""
    ita = float(rng.uniform(-50, 60))
    hairs = list(_HAIR[: 4 if ita > 20 else 2])
    hair = np.array(_HAIR[4] if rng.random() < shape.old else hairs[int(rng.integers(len(hairs)))])
    palette = np.stack([_cloth(rng) for _ in range(6)])
    palette[TRESS] = hair
    style = str(rng.choice(["short", "long", "bald", "cap"], p=_styles(shape.sex)))
    barefoot = rng.random() < 0.4
    kinds = ["", "", "", "stripes", "bars", "checks", "dots", "print"]
    worn = shape.sex == "female" or rng.random() < 0.93
    return Look(
        ita_deg=ita,
        palette=palette,
        iris=np.array(_IRIS[int(rng.integers(len(_IRIS) if ita > 20 else 1))]),
        hair_colour=hair,
        hair=style,
        hair_mm=float(rng.uniform(3, 28)),
        sleeve=float(rng.choice([0.0, 0.35, 0.6, 0.75, 1.95])) if worn else -BARE,
        collar=float(rng.uniform(1.03, 1.16)) if worn else -BARE,
        hem=float(rng.uniform(-0.12, 0.3)),
        waist=float(rng.uniform(0.15, 0.35)),
        leg=float(rng.choice([0.25, 0.5, 0.75, 0.95, 1.6, 1.95])),
        sock=float(rng.uniform(1.6, 2.1)) if not barefoot and rng.random() < 0.5 else BARE,
        shoe=BARE if barefoot else float(rng.uniform(2.0, 2.45)),
        loose_mm=(float(rng.gamma(2, 4)), float(rng.gamma(2, 4))),
        patterns=(str(rng.choice(kinds)), str(rng.choice(kinds[:6]))),
        pattern_mm=float(rng.uniform(15, 140)),
        pattern_colour=_cloth(rng),
    )


def dress(shape: Body, look: Look) -> Dressed:
    """Triangles to draw, their kinds, the skin's colours, and how far everything stands off the skin."""
    held = asset.load()
    quads, parts = held["quads"].astype(np.int64), held["parts"]
    along, group = held["along"][quads].mean(axis=1), held["group"][quads[:, 0]]
    worn = _worn(along, group, look, 0.0)
    under = _worn(along, group, look, _OVERLAP)
    kinds = np.zeros(len(quads), np.uint8)
    drawn = (parts == BODY) & (under == SKIN) | (parts == EYES) & (group == HEAD)
    cloth = (parts == TIGHTS) & (worn > SKIN)
    kinds[cloth] = worn[cloth]
    drawn |= cloth
    if look.hair == "long":
        tress = (parts == HAIR) & _behind(shape, quads)
        kinds[tress] = TRESS
        drawn |= tress
    rows = np.flatnonzero(drawn)
    return Dressed(triangles_of(quads[rows]), np.tile(kinds[rows], 2), _skin(look), _lift(look, quads, kinds))


def _worn(along: Singles, group: NDArray[np.uint8], look: Look, deep: float) -> NDArray[np.uint8]:
    """What covers each face, SKIN for nothing; only what lies deeper than `deep` under its hem counts."""
    trunk, leg = (group == TORSO) | (group == NECK), group >= LEFT_LEG
    arm = (group > HEAD) & (group <= RIGHT_ARM)
    out = np.zeros(len(along), np.uint8)
    out[leg & (along < look.leg - deep) | trunk & (along < look.waist - deep)] = BOTTOM
    top = trunk & (along < look.collar - deep / 3) & (along > look.hem + deep)
    out[top | arm & (along < look.sleeve - deep) & (look.collar > 0)] = TOP
    out[leg & (along > look.sock + deep)] = SOCK
    out[leg & (along > look.shoe + deep)] = SHOE
    return out


def _skin(look: Look) -> Singles:
    held = asset.load()
    base = skin_colour(look.ita_deg)
    colours = np.tile(base, (len(held["along"]), 1))

    def lay(share: Floats, colour: Floats) -> None:
        colours[:] += np.clip(share, 0, 1)[:, None] * (colour - colours)

    lay(held["lips"] * 1.2, base * [0.95, 0.55, 0.55])
    lay(held["brows"] * 0.9, look.hair_colour)
    if look.hair != "bald":
        lay(
            held["scalp"] / 6 * (held["group"] == HEAD),
            look.palette[TOP] if look.hair == "cap" else look.hair_colour,
        )
    eye = held["iris"] < 180
    colours[eye] = 0.6
    colours[held["iris"] < 40] = look.iris
    colours[held["iris"] < 14] = 0.005
    return np.asarray(colours, np.float32)


def _lift(look: Look, quads: Ints, kinds: NDArray[np.uint8]) -> Singles:
    held = asset.load()
    lift = np.zeros(len(held["along"]), np.float32)
    top, bottom = look.loose_mm
    for kind, amount in ((BOTTOM, 2 + bottom), (TOP, 4 + max(top, bottom * 0.6)), (SOCK, 1.5), (SHOE, 5.0)):
        lift[quads[kinds == kind]] = amount
    if look.hair in ("short", "cap"):
        head = held["group"] == HEAD
        lift[head] += np.clip(held["scalp"][head] / 25, 0, 1) * look.hair_mm
    return lift


def _behind(shape: Body, quads: Ints) -> NDArray[np.bool_]:
    """Faces of the hair that do not hang over the face, down to the shoulders."""
    middle = shape.vertices[quads].mean(axis=1)
    eyes = shape.points[[2, 5]].mean(axis=0)
    return np.asarray((middle[:, 1] < eyes[1] - 75) & (middle[:, 2] > shape.points[11, 2] - 60))


def _cloth(rng: Rng) -> Floats:
    """A colour of cloth, linear: greys, dark and bright ones."""
    if rng.random() < 0.4:
        return np.full(3, rng.choice([0.01, 0.02, 0.05, 0.15, 0.4, 0.75]) * rng.uniform(0.8, 1.2))
    bright = rng.uniform(0.01, 0.9, 3) ** 2.2
    return np.asarray(bright.mean() + rng.uniform(0.2, 1) * (bright - bright.mean()))


def _styles(sex: str) -> list[float]:
    return [0.25, 0.62, 0.03, 0.1] if sex == "female" else [0.65, 0.05, 0.2, 0.1]

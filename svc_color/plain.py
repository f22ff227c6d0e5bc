"""Which part of the pixels around ink is plain skin in plain light: not in a cast shadow, not inflamed.

A shadow dims all three channels alike, and blood absorbs green and blue and hardly red. With
e = log10(R/G) and f = log10(G/B) of linear light, both differences of optical densities, a shadow moves
neither, more blood raises e and leaves f (e is the erythema index of Diffey, Oliver and Farr 1984, British
Journal of Dermatology 111:663-672), and more melanin raises both. In the modelled skin of svc_color/optics.py
blood of 3 % instead of 1 % raises e by 0.11 and f by less than 0.01, on light skin as on brown, and lowers
ITA by 13 to 19 degrees; so redness is told from shading, from tan and, mostly, from another material.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svc_color.space import Array

Mask = NDArray[np.bool_]
Redness = Literal["none", "avoided", "everywhere"]

_LEAST_LIGHT: Final = 1e-4

# Brightness, log10 of the red channel: width of a bin and of the smoothing; two lights are told apart from a
# dip to this share of the lesser; a light counts from this share of the pixels, if its colour is the same.
_BIN, _BLUR_BINS, _DIP, _LEAST_SHARE = 0.02, 1.5, 0.75, 0.25
_SAME_COLOUR: Final = 0.08
# From this share of the skin nearest to the ink on, skin in another light widens the spread.
_OTHER_SHARE: Final = 0.1
# Half the width of one light.
_WIDTH: Final = 0.12
# Share of the ring, nearest to the ink, in which the light is looked for: background comes later.
_NEAR: Final = 0.4

# Bands by distance from the ink. Redness: this much of e between the nearest band and the palest one; a band
# is pale within this of the palest. From band to band skin may differ by so much; more is another thing.
_BANDS: Final = 12
RAISED: Final = 0.05
_PALE: Final = 0.015
_STEP: Final = 0.03
# f may fall outwards by this, and by this share of the change of e; or rise, as it does on dark skin, where
# blood hides behind melanin in blue more than in green.
_F_FALLS: Final = (0.02, 0.2)
_F_RISES: Final = (0.03, 1.1)


@dataclass(frozen=True)
class PlainSkin:
    """chosen: pixels to start from, (n,). pale: what may be added, (n,): none that is inflamed.
    redness: "avoided" where skin near the ink is redder than `chosen`; "everywhere" where `chosen` may be
    inflamed, because no end of it is seen in the ring.
    """

    chosen: Mask
    pale: Mask
    redness: Redness


def find(light: Array, inside: int, needed: int) -> PlainSkin:
    """Chooses among pixels that may be skin.

    Args:
        light: linear sRGB (n, 3), nearest to the ink first, n at least 1.
        inside: how many of them, the first ones, are the ring; the rest lies farther out.
        needed: the fewest pixels to choose.
    """
    density = -np.log10(np.maximum(light, _LEAST_LIGHT))
    e, f = density[:, 1] - density[:, 0], density[:, 2] - density[:, 1]
    # Brightness by the red channel, which blood changes least.
    bright = -density[:, 0]
    within = np.arange(len(light)) < inside
    near = np.arange(len(light)) < max(1, round(_NEAR * inside))
    level = _brightest(bright[near], np.column_stack([e, f])[near])
    lit = np.abs(bright - level) <= _WIDTH
    pale, redness = _pale(e, f, lit)
    chosen = lit & pale & within
    if redness == "everywhere" or np.count_nonzero(chosen) < needed:
        # Skin beyond the ring lies in other light, or is none: it convicts the ring, but cannot replace it.
        chosen, pale = lit & near, np.ones_like(pale)
        redness = "none" if redness == "none" else "everywhere"
    return PlainSkin(chosen if chosen.any() else near, pale & within, redness)


def otherwise_lit(light: Array, kept: Mask, allowed: Mask) -> Mask:
    """Pixels (n,) of the kept skin's colour that lie in another light, brighter or darker; few are none.

    Looked for among the allowed pixels nearest to the ink, because the ink may lie in that light as well.
    Hair and glare have another colour.

    Args:
        light: linear sRGB (n, 3), nearest to the ink first.
        kept: what the reference is made of, (n,), at least one.
        allowed: what may be the same skin, (n,).
    """
    density = -np.log10(np.maximum(light, _LEAST_LIGHT))
    colour = np.column_stack([density[:, 1] - density[:, 0], density[:, 2] - density[:, 1]])
    same = np.all(np.abs(colour - np.median(colour[kept], axis=0)) <= _SAME_COLOUR, axis=1)
    candidates = np.flatnonzero(allowed & (same | kept))
    near = candidates[: max(1, round(_NEAR * len(candidates)))]
    other = np.zeros_like(kept)
    other[near] = ~kept[near]
    return other if np.count_nonzero(other) >= _OTHER_SHARE * len(near) else np.zeros_like(kept)


def lit(light: Array) -> Mask:
    """Pixels (n,) in the brightest light that much of them lie in; linear sRGB (n, 3), n at least 1."""
    density = -np.log10(np.maximum(light, _LEAST_LIGHT))
    colour = np.column_stack([density[:, 1] - density[:, 0], density[:, 2] - density[:, 1]])
    return np.asarray(np.abs(-density[:, 0] - _brightest(-density[:, 0], colour)) <= _WIDTH)


def _brightest(bright: Array, colour: Array) -> float:
    """Level (log10) of the brightest light that much of the pixels lie in; (n,) levels, (n, 2) e and f."""
    low = bright.min() - 5 * _BIN
    bins = np.floor((bright - low) / _BIN).astype(np.intp)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / _BLUR_BINS) ** 2)
    count = np.convolve(np.bincount(bins, minlength=bins.max() + 6), kernel / kernel.sum(), mode="same")
    peaks = [i for i in range(1, len(count) - 1) if count[i - 1] < count[i] >= count[i + 1]]
    main = max(peaks, key=lambda i: count[i])
    best = main
    same = np.median(colour[np.abs(bins - main) <= 3], axis=0)
    for peak in peaks:
        within = np.abs(bins - peak) <= _WIDTH / _BIN
        apart = count[min(best, peak) : max(best, peak) + 1].min() < _DIP * min(count[best], count[peak])
        if peak <= best or not apart or within.mean() < _LEAST_SHARE:
            continue
        if np.all(np.abs(np.median(colour[within], axis=0) - same) <= _SAME_COLOUR):
            best = peak
    return float(low + (best + 0.5) * _BIN)


def _pale(e: Array, f: Array, lit: Mask) -> tuple[Mask, Redness]:
    """Pixels (n,) that are not redder than the palest skin farther out, and what redness there is.

    Bands are followed outwards as long as each is skin like the one before, or paler.
    """
    order = np.flatnonzero(lit)
    every = np.ones(len(e), np.bool_)
    if len(order) < 20 * _BANDS:
        return every, "none"
    bands = np.array_split(order, _BANDS)
    reds, others = np.array([(np.median(e[band]), np.median(f[band])) for band in bands]).T
    last = 1
    while last < _BANDS and _same_skin(reds, others, last):
        last += 1
    palest = reds[:last].min()
    if reds[0] - palest <= RAISED:
        return every, "none"
    allowed = [band for band, red in zip(bands[:last], reds[:last], strict=True) if red - palest <= _PALE]
    pale = np.zeros_like(every)
    # What lies nearer than the palest skin is inflamed, lit or not.
    pale[allowed[0][0] :] = True
    # A plateau ends the redness; where it still falls at the last band, what lies beyond is not known.
    return pale, "avoided" if len(allowed) >= 2 else "everywhere"


def _same_skin(reds: Array, others: Array, band: int) -> bool:
    """Whether a band is skin like the one before it: as red or less so, in f nearly the same."""
    paler, other = max(0.0, reds[0] - reds[band]), others[band] - others[0]
    least, most = -(_F_FALLS[0] + _F_FALLS[1] * paler), _F_RISES[0] + _F_RISES[1] * paler
    return bool(reds[band] - reds[band - 1] <= _STEP and least <= other <= most)

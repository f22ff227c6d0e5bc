"""What two photos of one tattoo share when the ink fades: where ink and skin marks lie, not how dark.

The signal is the optical density, -log10 of linear light, averaged over the channels, less its own wide
average. Exposure and white balance are constants of it, shading is slow and goes with the average, and an ink
that fades keeps its pattern and loses amplitude only; what follows correlates, and so does not mind.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.space import srgb_to_linear

Image = NDArray[np.uint8]
Signal = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Linear light below this is noise of an 8-bit photo; its logarithm would shout.
_LEAST_LIGHT: Final = 1 / 512
# Blur against noise and JPEG blocks, pixels; width of the average that is taken off, share of the long side.
_SMOOTH_PX: Final = 1.2
_WIDE_SHARE: Final = 0.06
# Local amplitude below which a signal counts as noise when amplitudes are evened out (optical density).
_NOISE: Final = 0.01


def reduced(image: Image, factor: float) -> Image:
    """The image (H, W, 3) at `factor` (0 to 1) of its size, area-averaged; the image itself at 1."""
    if factor >= 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def ink_signal(rgb: Image) -> Signal:
    """The signal (H, W), float32, of an sRGB photo (H, W, 3): about 0 on plain skin, positive on ink."""
    table = -np.log10(np.maximum(srgb_to_linear(np.arange(256, dtype=np.uint8)), _LEAST_LIGHT))
    density = cv2.LUT(rgb, table.astype(np.float32)).mean(axis=2, dtype=np.float32)
    smooth = cv2.GaussianBlur(density, (0, 0), _SMOOTH_PX)
    return np.asarray(smooth - wide(smooth), np.float32)


def wide(values: Signal) -> Signal:
    """A wide Gaussian average (H, W), made on a small copy."""
    height, width = values.shape
    shrink = max(1, max(height, width) // 256)
    small = cv2.resize(
        values, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (0, 0), max(1.0, _WIDE_SHARE * max(small.shape)))
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def evened(signal: Signal) -> Image:
    """The signal with its local amplitude evened out, 8 bit around 128: faded ink looks like dense ink."""
    amplitude = np.sqrt(np.maximum(wide(np.square(signal)), 0) + _NOISE**2)
    return np.clip(128 + 48 * signal / amplitude, 0, 255).astype(np.uint8)

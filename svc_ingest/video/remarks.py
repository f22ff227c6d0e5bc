"""What the quality of a video means: measures as the page has them, and flags.

Thresholds follow the automatic checks of the project's capture protocol; what rejects there fails here.
"""

from typing import Final

from svc_ingest import timing
from svc_ingest.result import Flag, Level, Measure
from svc_ingest.video.capture import Quality

MOST_STILL: Final = 50.0
MOST_REPEATED: Final = 5.0
MOST_CAMERA_SPEED: Final = 0.5
"""In pixels of a picture of 1920 pixels, and of smaller ones."""
MOST_CAMERA_DRIFT: Final = 0.3
MOST_ZOOM: Final = 3.0
MOST_FLICKER: Final = 1.0
MOST_BLURRED: Final = 5.0
WIDE_EDGE: Final = 6.0
LEVELS: Final = (15.0, 85.0)
EXTREME_LEVELS: Final = (5.0, 95.0)
MOST_CLIPPED: Final = 25.0
_NO_BACKGROUND: Final = "too little of the background can be followed, or the video is too short"
_TOO_SHORT: Final = "the video is shorter than a second"


def measures(quality: Quality) -> tuple[Measure, ...]:
    """Every measure; docs/video.md explains them."""
    camera = quality.camera
    hidden = _NO_BACKGROUND if camera.speed_px is None else ""
    return (
        *timing.measures(quality.pace, quality.frames),
        Measure("repeated_frames", quality.repeated, "%"),
        Measure("still_time", quality.still, "%", _TOO_SHORT if quality.still is None else ""),
        Measure("damaged_frames", quality.damaged, "%"),
        Measure("mean_level", quality.level, "%"),
        Measure("clipped_dark", quality.dark, "%"),
        Measure("clipped_bright", quality.bright, "%"),
        Measure("flicker", quality.flicker, "%"),
        quality.edge_rise,
        Measure("motion_blurred_frames", quality.blurred, "%"),
        Measure("camera_speed", camera.speed_px, "px", hidden),
        Measure("camera_drift", camera.drift_percent, "%", hidden),
        Measure("camera_zoom", camera.zoom_percent, "%", hidden),
    )


def flags(quality: Quality) -> tuple[Flag, ...]:
    """What the measures mean, gravest subjects first."""
    told = (
        *timing.flags(quality.pace, quality.frames, quality.seconds),
        _cuts(quality.cuts_s),
        _still(quality.still),
        _damaged(quality.damaged),
        *_camera(quality),
        _exposure(quality),
        _edges(quality.edge_rise.value),
        _over(
            "MOTION_BLUR",
            quality.blurred,
            MOST_BLURRED,
            "of the frames are blurred by motion; use more light",
        ),
        _over("REPEATED_FRAMES", quality.repeated, MOST_REPEATED, "of the frames repeat the one before"),
        _over(
            "EXPOSURE_FLICKER",
            quality.flicker,
            MOST_FLICKER,
            "is how much the light swings from frame to frame",
        ),
    )
    return tuple(flag for flag in told if flag is not None)


def _over(code: str, percent: float, most: float, what: str) -> Flag | None:
    if percent <= most:
        return None
    return Flag(code, Level.WARN, f"{percent:.1f} % {what}.")


def _cuts(times: tuple[float, ...]) -> Flag | None:
    if not times:
        return None
    listed = ", ".join(f"{t:.1f} s" for t in times[:8]) + (", ..." if len(times) > 8 else "")
    message = f"The video is cut at {listed}; nothing is measured across a cut. Film the test in one go."
    return Flag("VIDEO_CUT", Level.WARN, message)


def _still(percent: float | None) -> Flag | None:
    if percent is None or percent <= MOST_STILL:
        return None
    message = f"Nothing moves in {percent:.0f} % of the video: it shows a still picture, or nobody."
    return Flag("FROZEN_PICTURE", Level.FAIL, message)


def _damaged(percent: float) -> Flag | None:
    if percent == 0:
        return None
    return Flag("FRAMES_DAMAGED", Level.WARN, f"{percent:.1f} % of the frames are damaged and were left out.")


def _camera(quality: Quality) -> tuple[Flag | None, ...]:
    camera = quality.camera
    if camera.speed_px is None or camera.drift_percent is None or camera.zoom_percent is None:
        message = f"Whether the camera stood still cannot be told: {_NO_BACKGROUND}."
        return (Flag("CAMERA_MOTION_UNKNOWN", Level.INFO, message),)
    flags: list[Flag | None] = []
    fastest = MOST_CAMERA_SPEED * max(1.0, quality.longer_side / 1920)
    if camera.speed_px > fastest or camera.drift_percent > MOST_CAMERA_DRIFT:
        message = (
            f"The camera moved: {camera.speed_px:.1f} px from frame to frame and {camera.drift_percent:.1f}"
            " % of the picture in all. Put the phone on a tripod and switch stabilisation off."
        )
        flags.append(Flag("CAMERA_MOVED", Level.FAIL, message))
    if camera.zoom_percent > MOST_ZOOM:
        message = f"The picture's scale changed by {camera.zoom_percent:.1f} %; do not zoom or walk."
        flags.append(Flag("CAMERA_ZOOMED", Level.WARN, message))
    return tuple(flags)


def _exposure(quality: Quality) -> Flag | None:
    low, high = LEVELS
    lowest, highest = EXTREME_LEVELS
    clipped = quality.dark + quality.bright
    if low <= quality.level <= high and clipped <= MOST_CLIPPED:
        return None
    level = Level.WARN if lowest <= quality.level <= highest else Level.FAIL
    message = (
        f"The picture's mean level is {quality.level:.0f} % and {clipped:.0f} % of its pixels are black or "
        "white; light the room evenly."
    )
    return Flag("EXPOSURE", level, message)


def _edges(rise: float | None) -> Flag | None:
    if rise is None or rise <= WIDE_EDGE:
        return None
    message = f"Edges are {rise:.0f} px wide (10 to 90 %); focus on the person and lock the focus."
    return Flag("VIDEO_BLURRED", Level.WARN, message)

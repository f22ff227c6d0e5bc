"""Synthetic people who stand, as landmark series with exact joints, centre of mass and events.

A double inverted pendulum with arms, head and a lifted leg: deterministic by seed, numpy only.
"""

from models.synth.standing.spec import EventTruth, Happening, Mode, StandingSpec, Truth
from models.synth.standing.trial import trial

__all__ = ["EventTruth", "Happening", "Mode", "StandingSpec", "Truth", "trial"]

"""Synthetic people in the picture: bodies with exact landmarks, centre of mass and camera."""

from models.synth.people.clip import ClipSpec, ClipTruth, clip
from models.synth.people.picture import PersonImage, person

__all__ = ["ClipSpec", "ClipTruth", "PersonImage", "clip", "person"]

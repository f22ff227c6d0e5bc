"""Synthetic people in the picture: bodies with exact landmarks, centre of mass and camera."""

from models.synth.people.picture import PersonImage, person

__all__ = ["PersonImage", "person"]

"""Colour charts: find one in a photo, measure its patches, and correct the photo's colours by it."""

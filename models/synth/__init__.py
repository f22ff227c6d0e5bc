"""Synthetic tattoo photographs with exact ink masks (numpy and OpenCV only, deterministic by seed)."""

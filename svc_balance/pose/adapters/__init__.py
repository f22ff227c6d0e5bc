"""Other pose estimators, each adapted to the canonical 33 landmarks.

An adapter takes crops and gives canonical points in crop pixels (`Points`); files of other programs are read
by `mesh.landmark_forms`.
"""

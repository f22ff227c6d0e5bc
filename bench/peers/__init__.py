"""SegmentService/Segment beside other ways to serve the same model: one photo, one load generator."""

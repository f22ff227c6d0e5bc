"""Measuring released models against annotated photos, through the product's own code."""

"""What is computed from centre-of-mass traces: sway metrics by definition, with uncertainty."""

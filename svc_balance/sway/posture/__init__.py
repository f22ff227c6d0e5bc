"""What landmarks say of the body: centre of mass, scale, view, strategy, alignment, compensations."""

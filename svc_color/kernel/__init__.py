"""CIEDE2000 and RGB to CIELAB in C, for the modules `difference` and `space` (docs/colour-kernel.md)."""

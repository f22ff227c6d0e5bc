"""Campaigns: what the fault tests do in short, `make proof-*` does in full."""

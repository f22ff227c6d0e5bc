"""Backup of a running local stack, and restore into an empty folder."""

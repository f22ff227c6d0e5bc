"""Rehearsals of the runbooks, one module per group."""

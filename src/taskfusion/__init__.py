"""Fuse task-specific models into case-level predictions."""

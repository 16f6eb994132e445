"""Cohort readers, one a module."""

"""Ready-made cohort readers."""

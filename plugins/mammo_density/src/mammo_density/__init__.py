"""Breast density as a task for taskfusion: MobileNet view model and four-branch patient model."""

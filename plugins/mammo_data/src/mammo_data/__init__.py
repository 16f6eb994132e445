"""Mammography cohorts for taskfusion: the synthetic screening cohort, preparation of mammograms, patches."""

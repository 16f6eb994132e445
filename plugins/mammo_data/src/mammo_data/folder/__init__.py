"""The cohort folder: made from any source of exams, read by any table program, checked, and looked at.

``cohort.json`` says what the folder is, ``cases.parquet``, ``views.parquet`` and ``lesions.parquet`` hold the tables,
``images/EXAM/VIEW.png`` the pixels, ``images/EXAM/exam.json`` what is known of one exam, ``skipped.csv`` what could not
be used and why, ``report.md`` how many there are of what.
"""

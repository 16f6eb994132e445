"""Full-field mammograms from any folder of DICOM files.

``header`` reads what a file says of itself, ``views`` finds side and projection in it, ``exclusions`` says what is no
full-field screening view, ``pixels`` decodes, ``hanging`` turns, ``exams`` puts files together, ``source`` does it all.
"""

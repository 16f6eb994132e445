"""Lesion localization as a task for taskfusion: Faster R-CNN on InceptionV2."""

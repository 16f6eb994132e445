"""What this package adds to taskfusion; imports nothing heavy."""

from __future__ import annotations

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_tasks() -> list[Entry]:
    """Lesion localization."""
    return [
        Entry(
            "localization",
            "mammo_localization.task:Localization",
            "Lesions of four classes with boxes and features: Faster R-CNN on InceptionV2 (L)",
        )
    ]

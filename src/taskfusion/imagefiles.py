"""Image files named after case and view become cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from taskfusion.cases import Case, View
from taskfusion.errors import DataError
from taskfusion.images import FileSource

ENDINGS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".npy")
SEPARATORS = "_- ."


def cases_of_files(paths: Iterable[Path], views: Sequence[str]) -> list[Case]:
    """Group files into cases by their names: ``exam1_L-CC.png`` is view ``L-CC`` of case ``exam1``.

    Args:
        paths: files, or folders of which every image file counts whose name ends in a view's name.
        views: the views the model knows.

    Raises:
        DataError: a missing path, a file that names no view, a view twice, or nothing found.
    """
    found: dict[str, dict[str, View]] = {}
    for path, given in _files(paths):
        named = case_and_view(path, views)
        if named is None:
            if given:
                raise DataError(f"{path}: the file name ends in none of the views {', '.join(views) or 'none'}")
            continue
        case, view = named
        if view in found.setdefault(case, {}):
            raise DataError(f"{path}: case {case!r} has two images of view {view!r}")
        found[case][view] = View(view, FileSource(path))
    if not found:
        raise DataError(f"no images found; expected names such as exam1_{views[0] if views else 'VIEW'}.png")
    return [Case(name, images) for name, images in found.items()]


def _files(paths: Iterable[Path]) -> list[tuple[Path, bool]]:
    """Every file, and whether it was named itself rather than its folder."""
    files: list[tuple[Path, bool]] = []
    for path in paths:
        if path.is_dir():
            files += [(p, False) for p in sorted(path.iterdir()) if p.suffix.lower() in ENDINGS]
        elif path.is_file():
            files.append((path, True))
        else:
            raise DataError(f"image not found: {path}")
    return files


def case_and_view(path: Path, views: Sequence[str]) -> tuple[str, str] | None:
    """The case and the view that a file's name says, None where it ends in no view."""
    for view in sorted(views, key=len, reverse=True):
        if path.stem.lower().endswith(view.lower()):
            rest = path.stem[: len(path.stem) - len(view)].rstrip(SEPARATORS)
            return rest or path.parent.name or "case", view
    return None

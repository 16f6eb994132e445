"""Which breast and which projection a DICOM image shows, from its tags.

The standard's own tags are asked first; free text (series, protocol) only where they are silent, as it often names the
whole examination and not the image. Tags that contradict each other are refused, never guessed about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from mammo_data.dicom.unusable import UnusableError

SCREENING = ("CC", "MLO")
VIEW_CODES = {
    codes.cid4014.CranioCaudal: "CC",
    codes.cid4014.MedioLateralObliqueProjection: "MLO",
    codes.cid4014.MedioLateralProjection: "ML",
    codes.cid4014.LateroMedial: "LM",
    codes.cid4014.LateroMedialOblique: "LMO",
    codes.cid4014.CaudoCranial: "FB",
    codes.cid4014.SuperolateralToInferomedialOblique: "SIO",
    codes.cid4014.InferomedialToSuperolateralOblique: "ISO",
    codes.cid4014.CranioCaudalExaggeratedLaterally: "XCCL",
    codes.cid4014.CranioCaudalExaggeratedMedially: "XCCM",
    codes.cid4014.TissueSpecimenFromBreast: "SPECIMEN",
}
"""CID 4014, "View for mammography"; pydicom knows the older SNOMED-RT codes of the same concepts."""
POSITIONS = {*VIEW_CODES.values(), "XCC", "AT", "CV"}
DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R"}
TOGETHER = re.compile(r"([LR])(XCCL|XCCM|MLO|LMO|CC|ML|LM)")  # LCC, RMLO


def view_of(header: Dataset) -> str:
    """``L-CC``, ``L-MLO``, ``R-CC`` or ``R-MLO``.

    Raises:
        UnusableError: another view, one that no tag names, or tags that contradict each other.
    """
    side, position = laterality(header), projection(header)
    if position not in SCREENING:
        raise UnusableError("other view", f"shows the view {position}; the views used are CC and MLO")
    return f"{side}-{position}"


def laterality(header: Dataset) -> str:
    """ "L" or "R" from ImageLaterality and Laterality, else from the descriptions."""
    said = {name: str(header.get(name, "") or "").strip().upper() for name in ("ImageLaterality", "Laterality")}
    if "B" in said.values():
        raise UnusableError("both breasts", "shows both breasts (laterality B); expected L or R")
    found = {SIDES[value] for value in said.values() if value in SIDES}
    found = found or set().union(*(_sides_in(text) for text in descriptions(header)))
    return _only_one(found, "laterality", "ImageLaterality or Laterality of L or R")


def projection(header: Dataset) -> str:
    """``CC``, ``MLO``, ``ML`` … from ViewPosition and ViewCodeSequence, else from the descriptions."""
    found = {position for position in (_position(header), _coded(header)) if position}
    found = found or set().union(*(_positions_in(text) for text in descriptions(header)))
    return _only_one(found, "view", "ViewPosition of CC or MLO")


def descriptions(header: Dataset) -> list[str]:
    """The free texts about the image, in upper case."""
    return [str(header.get(name, "") or "").upper() for name in DESCRIPTIONS]


def same_concept(item: Dataset, code: Code) -> bool:
    """Whether an item of a code sequence means this concept, in SNOMED-CT or -RT."""
    value, scheme = str(item.get("CodeValue", "")), str(item.get("CodingSchemeDesignator", ""))
    scheme = "SRT" if scheme in ("SNM3", "99SDM") else scheme  # what SNOMED-RT was called before
    return bool(Code(value, scheme, "") == code)


def code_items(header: Dataset, name: str) -> list[Dataset]:
    """The items of a sequence; none where there is no such sequence."""
    items = header.get(name)
    return [item for item in items or () if isinstance(item, Dataset)]


def _position(header: Dataset) -> str:
    text = str(header.get("ViewPosition", "") or "").strip().upper()
    return text if text in POSITIONS else _joined(_positions_in(text))


def _coded(header: Dataset) -> str:
    found = {
        name
        for item in code_items(header, "ViewCodeSequence")
        for code, name in VIEW_CODES.items()
        if same_concept(item, code)
    }
    return _joined(found)


def _joined(found: Iterable[str]) -> str:
    return " and ".join(sorted(found))


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Z]+", text)


def _sides_in(text: str) -> set[str]:
    words = _words(text)
    return {SIDES[word] for word in words if word in SIDES} | {
        m[1] for word in words if (m := TOGETHER.fullmatch(word))
    }


def _positions_in(text: str) -> set[str]:
    words = _words(text)
    return {word for word in words if word in POSITIONS} | {m[2] for word in words if (m := TOGETHER.fullmatch(word))}


def _only_one(found: set[str], what: str, wanted: str) -> str:
    if not found:
        raise UnusableError(f"no {what}", f"no tag names the {what}; expected {wanted}")
    if len(found) > 1:
        raise UnusableError("contradiction", f"its tags name more than one {what}: {_joined(found)}")
    return found.pop()

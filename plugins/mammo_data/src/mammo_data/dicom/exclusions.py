"""What is no full-field screening view: each with the reason a list of skipped files shows."""

from __future__ import annotations

import re

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
)

from mammo_data.dicom.unusable import UnusableError
from mammo_data.dicom.views import code_items, descriptions, same_concept

MAMMOGRAPHY = {DigitalMammographyXRayImageStorageForPresentation, DigitalMammographyXRayImageStorageForProcessing}
FILM = ("CR", "DX", "DR", "OT", "RG")
"""Modalities under which digitised films and imaging plates of the breast are found."""
MAGNIFIED = 1.3
"""Contact mammography magnifies by 1.0 to 1.1, magnification views by 1.5 to 2."""
MODIFIERS = {
    codes.cid4015.SpotCompression: ("spot view", "a spot compression"),
    codes.cid4015.Magnification: ("magnification", "a magnification view"),
    codes.cid4015.ImplantDisplaced: ("implant", "a view with the implant displaced"),
    codes.cid4015.Cleavage: ("special view", "a cleavage view"),
    codes.cid4015.AxillaryTail: ("special view", "a view of the axillary tail"),
    codes.cid4015.AxillaryTissue: ("special view", "a view of axillary tissue"),
    codes.cid4015.Tangential: ("special view", "a tangential view"),
    codes.cid4015.RolledLateral: ("special view", "a rolled view"),
    codes.cid4015.RolledMedial: ("special view", "a rolled view"),
    codes.cid4015.RolledInferior: ("special view", "a rolled view"),
    codes.cid4015.RolledSuperior: ("special view", "a rolled view"),
}
"""CID 4015, "View modifier for mammography"; the others (nipple in profile …) still show the whole breast."""
WORDS = {
    "spot view": {"SPOT", "CONE", "CONED"},
    "magnification": {"MAG", "MAGNIFICATION", "MAGNIFIED"},
    "implant": {"IMPLANT", "IMPLANTS", "CCID", "MLOID"},
    "special view": {"SPECIMEN", "STEREO", "STEREOTACTIC", "BIOPSY", "PHANTOM", "CLEAVAGE", "TANGENTIAL"},
}
"""What free text says where the tags do not."""


def refuse_other_images(header: Dataset, synthesized: bool = False) -> None:
    """Refuse what is not one full-field view of one breast.

    Args:
        header: of the file.
        synthesized: whether a 2D image computed from tomosynthesis counts as a mammogram.

    Raises:
        UnusableError: with the kind and the reason.
    """
    _refuse_other_modalities(header)
    _refuse_stacks(header)
    _refuse_by_tags(header)
    _refuse_by_modifiers(header)
    _refuse_by_words(header)
    if not synthesized:
        _refuse_synthesized(header)


def _refuse_other_modalities(header: Dataset) -> None:
    modality, body = _text(header, "Modality"), _text(header, "BodyPartExamined")
    if header.get("SOPClassUID") in MAMMOGRAPHY or modality == "MG" or (modality in FILM and "BREAST" in body):
        return
    if header.get("SOPClassUID") == BreastTomosynthesisImageStorage:
        return  # has a reason of its own
    raise UnusableError("other modality", f"is no mammogram: modality {modality or 'unknown'}; expected MG")


def _refuse_stacks(header: Dataset) -> None:
    frames = int(header.get("NumberOfFrames") or 1)
    if header.get("SOPClassUID") == BreastTomosynthesisImageStorage:
        raise UnusableError("tomosynthesis", f"is a tomosynthesis of {frames} slices; expected a full-field mammogram")
    if frames > 1:
        raise UnusableError("multi-frame", f"holds {frames} frames; expected one image")


def _refuse_by_tags(header: Dataset) -> None:
    if _text(header, "BreastImplantPresent") == "YES":
        raise UnusableError("implant", "shows an implant (BreastImplantPresent is YES)")
    if _text(header, "PartialView") == "YES":
        raise UnusableError("partial view", "shows a part of the breast (PartialView is YES)")
    if _text(header, "QualityControlImage") == "YES":
        raise UnusableError("special view", "is a quality control image")
    factor = float(header.get("EstimatedRadiographicMagnificationFactor") or 1)
    if factor > MAGNIFIED:
        raise UnusableError("magnification", f"is magnified {factor:g} times; expected at most {MAGNIFIED}")


def _refuse_by_modifiers(header: Dataset) -> None:
    views = code_items(header, "ViewCodeSequence")
    items = code_items(header, "ViewModifierCodeSequence")  # at the top in older files
    items += [item for view in views for item in code_items(view, "ViewModifierCodeSequence")]
    for item in items:
        for code, (kind, words) in MODIFIERS.items():
            if same_concept(item, code):
                raise UnusableError(kind, f"is {words} (ViewModifierCodeSequence)")


def _refuse_by_words(header: Dataset) -> None:
    texts = [*descriptions(header), _text(header, "PaddleDescription"), _text(header, "ViewPosition")]
    words = {word for text in texts for word in re.findall(r"[A-Z]+", text)}
    for kind, telling in WORDS.items():
        if words & telling:
            raise UnusableError(
                kind, f"is described as {' '.join(sorted(words & telling)).lower()}; expected a full view"
            )


def _refuse_synthesized(header: Dataset) -> None:
    kinds = set(re.findall(r"\w+", str(header.get("ImageType") or "").upper()))
    told = "GENERATED_2D" in kinds or any(part.startswith("TOMO") for part in kinds)
    if told or any("C-VIEW" in text for text in descriptions(header)):
        raise UnusableError(
            "synthesized", "is computed from a tomosynthesis; expected a mammogram that was taken (option synthesized)"
        )


def _text(header: Dataset, name: str) -> str:
    return str(header.get(name, "") or "").strip().upper()

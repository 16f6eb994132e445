"""True DICOM files, written by pydicom, small and whole or wrong in one way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid


def film(view: str = "L-CC", height: int = 48, width: int = 40, top: int = 4000) -> np.ndarray:
    """uint16: a breast that hangs right, brighter above than below, on black."""
    y, x = np.mgrid[:height, :width]
    breast = np.hypot(x, y - height / 2) < 0.45 * height
    image = np.where(breast, top // 2 + (top // 2) * (1 - y / height), 0).astype(np.uint16)
    return np.ascontiguousarray(image if view.startswith("L") else image[:, ::-1])


def mammogram(pixels: np.ndarray | None = None, **tags: Any) -> Dataset:
    """A full-field L-CC for presentation; tags replace, None removes."""
    pixels = film() if pixels is None else pixels
    dataset = Dataset()
    seed = str(tags.get("SOPInstanceUID") or np.random.default_rng().integers(2**60))
    given = {
        "SOPClassUID": DigitalMammographyXRayImageStorageForPresentation,
        "SOPInstanceUID": generate_uid(entropy_srcs=[seed]),
        "StudyInstanceUID": "1.2.3",
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "PatientAge": "061Y",
        "StudyDate": "20240131",
        "Modality": "MG",
        "Manufacturer": "ACME",
        "ImageLaterality": "L",
        "ViewPosition": "CC",
        "PixelSpacing": [0.1, 0.1],
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": 12 if pixels.dtype.itemsize == 2 else 8,
        "HighBit": 11 if pixels.dtype.itemsize == 2 else 7,
        "PixelRepresentation": int(np.issubdtype(pixels.dtype, np.signedinteger)),
        "PixelData": pixels.tobytes(),
        **tags,
    }
    for name, value in given.items():
        if value is not None:
            setattr(dataset, name, value)
    return dataset


def save(dataset: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian, **options: Any) -> Path:
    """Write a file with preamble and meta header."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2")  # a dataset may lack its own
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    path.parent.mkdir(parents=True, exist_ok=True)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"
    dataset.save_as(path, enforce_file_format=True, **options)
    return path


@pytest.fixture(scope="session")
def dicom() -> Callable[..., Dataset]:
    """``dicom(pixels, Tag=value)``: see :func:`mammogram`."""
    return mammogram


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """``write(dataset, path, syntax)``: see :func:`save`."""
    return save


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """``draw(view)``: see :func:`film`."""
    return film

"""DDSM, the Digital Database for Screening Mammography: its texts, its lossless JPEG, its grey values, its folders."""

from mammo_data.ddsm.source import DdsmSource

__all__ = ["DdsmSource"]

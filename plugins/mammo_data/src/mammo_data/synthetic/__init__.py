"""A synthetic screening exam: four film mammograms with density, pathology and boxes, drawn from a seed.

No patient is behind any of it. ``exam_facts`` says what an exam contains without drawing it; ``generate_exam`` draws.
"""

from mammo_data.synthetic.config import DENSITIES, LESION_CLASSES, PATHOLOGIES, VIEWS, SyntheticConfig
from mammo_data.synthetic.exam import SyntheticExam, exam_facts, generate_exam
from mammo_data.synthetic.plan import ExamFacts, Lesion

__all__ = [
    "DENSITIES",
    "LESION_CLASSES",
    "PATHOLOGIES",
    "VIEWS",
    "ExamFacts",
    "Lesion",
    "SyntheticConfig",
    "SyntheticExam",
    "exam_facts",
    "generate_exam",
]

import cv2
import numpy as np
import pytest

from mammo_data.contact_sheet import COLOURS, contact_sheet, draw_exam, write_contact_sheet
from mammo_data.synthetic import SyntheticConfig, exam_facts, generate_exam

SMALL = SyntheticConfig(height=96, width=80)


def test_the_chest_walls_meet_in_the_middle():
    strip = draw_exam(generate_exam(0, 1, SMALL), boxes=False)
    assert strip.shape == (96 + 26, 4 * 80, 3)
    cc = strip[:96, :160].mean(axis=(0, 2))
    assert cc[60:100].mean() > 2 * cc[:20].mean()


def test_boxes_have_the_colour_of_their_class():
    index = next(i for i in range(50) if exam_facts(0, i).lesions)
    exam = generate_exam(0, index, SMALL)
    colour = np.array(COLOURS[exam.lesions[0].label])
    assert (draw_exam(exam) == colour).all(axis=2).any()
    assert not (draw_exam(exam, boxes=False) == colour).all(axis=2).any()


def test_a_sheet_is_written_as_png(tmp_path):
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, seed=1, count=2, config=SMALL)
    assert cv2.imread(str(path)).shape == (26 + 2 * (96 + 26), 320, 3)


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a contact sheet needs at least one exam"):
        contact_sheet([])

import cv2
import numpy as np
import pytest

from mammo_data.contact_sheet import (
    BOX,
    COLOURS,
    OUTLINE,
    contact_sheet,
    draw_exam,
    draw_views,
    legend,
    write_contact_sheet,
)
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
    assert cv2.imread(str(path)).shape == (len(legend(320)) + 2 * (96 + 26), 320, 3)


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a contact sheet needs at least one exam"):
        contact_sheet([])


def outline(picture):
    return (picture == np.array(OUTLINE)).all(axis=2)


def test_the_breast_mask_is_drawn_around_the_breast_as_given_and_as_prepared():
    exam = generate_exam(0, 1, SMALL)
    given = draw_views(exam.images, 96)
    assert given.shape == (96, 4 * 80, 3)
    assert outline(given)[:, 79].any()  # the chest walls meet in the middle
    assert outline(given)[:, 80].any()
    turned = draw_views(exam.images, 96, turned=True)
    assert turned.shape == (96, 4 * 72, 3)
    assert all(outline(turned)[:, left].mean() > 0.5 for left in range(0, 4 * 72, 72))


def test_boxes_are_drawn_where_the_image_went():
    image = np.zeros((100, 80), np.uint16)
    image[10:90, 30:] = 1000
    boxes = {"R-CC": np.array([[60, 40, 70, 60]])}
    for turned, columns in ((False, range(55, 75)), (True, range(5, 40))):
        picture = draw_views({"R-CC": image}, 100, boxes, turned)
        found = (picture == np.array(BOX)).all(axis=2).any(axis=0).nonzero()[0]
        assert len(found)
        assert set(found) <= set(columns)


def test_views_that_no_exam_has_are_refused():
    with pytest.raises(ValueError, match="no view to draw; expected some of R-CC, L-CC, R-MLO, L-MLO"):
        draw_views({"front": np.zeros((5, 5))}, 96)

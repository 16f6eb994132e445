import cv2
import numpy as np
import pytest

from mammo_data.images import breast_mask
from mammo_data.synthetic import LESION_CLASSES, VIEWS, SyntheticConfig, exam_facts, generate_exam

SMALL = SyntheticConfig(height=96, width=80)


@pytest.fixture(scope="module")
def facts():
    """Do not mutate: what 1000 exams contain."""
    return [exam_facts(8, index) for index in range(1000)]


@pytest.fixture(scope="module")
def exams():
    """Do not mutate: 24 small exams."""
    return [generate_exam(3, index, SMALL) for index in range(24)]


def test_an_exam_has_four_views_of_16_bit(exams):
    for exam in exams:
        assert tuple(exam.images) == VIEWS
        for image in exam.images.values():
            assert image.shape == (96, 80)
            assert image.dtype == np.uint16
            assert image.max() > 20000


def test_the_same_seed_and_index_draw_the_same_exam_whatever_was_drawn_before(exams):
    again = generate_exam(3, 5, SMALL)
    other = generate_exam(4, 5, SMALL)
    for view in VIEWS:
        np.testing.assert_array_equal(again.images[view], exams[5].images[view])
        assert (other.images[view] != again.images[view]).any()
    assert again.facts == exams[5].facts


def test_facts_without_drawing_are_the_facts_of_the_drawn_exam(exams):
    assert [exam_facts(3, index, SMALL) for index in range(24)] == [exam.facts for exam in exams]
    exam = exams[5]
    assert (exam.pathology, exam.density, exam.age, exam.lesions) == (
        exam.facts.pathology,
        exam.facts.density,
        exam.facts.age,
        exam.facts.lesions,
    )


def test_the_chest_wall_is_at_the_left_edge_of_left_views_and_at_the_right_edge_of_right_views(exams):
    for exam in exams:
        for view, image in exam.images.items():
            mask = breast_mask(image)
            chest, nipple = (mask[:, 0], mask[:, -1]) if view.startswith("L") else (mask[:, -1], mask[:, 0])
            assert chest.mean() > 0.4
            assert nipple.mean() < 0.1


def test_the_size_changes_the_resolution_only():
    small, large = (generate_exam(3, 7, SyntheticConfig(height=h, width=w)) for h, w in ((144, 112), (288, 224)))
    assert small.facts.pathology == large.facts.pathology
    for a, b in zip(small.lesions, large.lesions, strict=True):
        np.testing.assert_allclose(np.multiply(a.box, 2), b.box, atol=1e-6)
    for view in VIEWS:
        a = cv2.blur(small.images[view].astype(np.float32), (9, 9))
        b = cv2.blur(
            cv2.resize(large.images[view], (112, 144), interpolation=cv2.INTER_AREA).astype(np.float32), (9, 9)
        )
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("size", [(48, 48), (60, 200), (300, 70)])
def test_any_shape_can_be_drawn(size):
    exam = generate_exam(0, 2, SyntheticConfig(height=size[0], width=size[1]))
    for image in exam.images.values():
        assert image.shape == size
        assert 0.02 < breast_mask(image).mean() < 0.95


def test_boxes_lie_in_the_image_on_breast_tissue(exams):
    for exam in exams:
        for lesion in exam.lesions:
            x0, y0, x1, y1 = lesion.box
            assert 0 <= x0 < x1 <= 80
            assert 0 <= y0 < y1 <= 96
            mask = breast_mask(exam.images[lesion.view])
            assert mask[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))].mean() > 0.5
            assert lesion.label in LESION_CLASSES


def test_a_lesion_is_brighter_than_its_surroundings():
    """On average: single ones may hide in bright tissue."""
    gains = []
    for index in range(24):
        if exam_facts(1, index).lesions:
            exam = generate_exam(1, index, SyntheticConfig(height=144, width=112))
            gains += [_gain(exam.images[lesion.view], lesion.box) for lesion in exam.lesions]
    assert np.mean(gains) > 3000


def _gain(image, box):
    x0, y0, x1, y1 = (round(v) for v in box)
    around = image[max(y0 - 8, 0) : y1 + 8, max(x0 - 8, 0) : x1 + 8]
    return image[y0:y1, x0:x1].mean() - np.median(around)


def test_pathology_and_lesions_agree(facts):
    for fact in facts:
        labels = {lesion.label.split("_")[0] for lesion in fact.lesions}
        assert labels <= [set(), {"benign"}, {"benign", "malignant"}][fact.pathology]
        assert bool(labels) == (fact.pathology > 0)


def test_proportions_are_those_of_table_ii(facts):
    pathology = np.bincount([fact.pathology for fact in facts], minlength=3) / len(facts)
    density = np.bincount([fact.density for fact in facts], minlength=4) / len(facts)
    np.testing.assert_allclose(pathology, np.array([693, 819, 742]) / 2254, atol=0.045)
    np.testing.assert_allclose(density, np.array([297, 851, 668, 438]) / 2254, atol=0.045)


def test_a_lesion_is_mostly_seen_in_both_views_at_the_same_depth(facts):
    pairs = [fact.lesions for fact in facts if len(fact.lesions) == 2 and len({x.number for x in fact.lesions}) == 1]
    assert len(pairs) > 150
    depth = [[(x.box[0] + x.box[2]) / 2 for x in pair] for pair in pairs]
    assert np.corrcoef(np.transpose(depth))[0, 1] > 0.9
    single = [fact for fact in facts if len(fact.lesions) == 1]
    assert single, "some lesions hide in one view"


def test_lesions_hide_more_often_in_dense_breasts(facts):
    hidden = {False: [], True: []}
    for fact in facts:
        if fact.pathology and max(lesion.number for lesion in fact.lesions) == 0:
            hidden[fact.density >= 2].append(len(fact.lesions) == 1)
    assert np.mean(hidden[True]) > np.mean(hidden[False]) + 0.03


def test_age_falls_with_density_and_rises_with_malignancy(facts):
    age = np.array([fact.age for fact in facts])
    dense, malignant = (np.array(v) for v in zip(*[(f.density >= 2, f.pathology == 2) for f in facts], strict=True))
    assert age[dense].mean() < age[~dense].mean() - 2
    assert age[malignant].mean() > age[~malignant].mean() + 3
    assert 32 <= age.min() <= age.max() <= 92


def test_dense_breasts_are_brighter(exams):
    dense = [np.mean(_tissue(exam)) for exam in exams if exam.density >= 2]
    fatty = [np.mean(_tissue(exam)) for exam in exams if exam.density < 2]
    assert np.mean(dense) > 1.2 * np.mean(fatty)


def _tissue(exam):
    return [image[breast_mask(image)].mean() for image in exam.images.values()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 20}, "height must be at least 48 pixels, got 20"),
        ({"width": 0}, "width must be at least 48 pixels, got 0"),
        ({"pathology": (1, 2)}, "pathology must hold 3 numbers, got 2"),
        (
            {"density": (1, -1, 1, 1)},
            r"density must be finite, not negative and not all zero, got \[1.0, -1.0, 1.0, 1.0\]",
        ),
        ({"pathology": (0, 0, 0)}, r"pathology must be finite, not negative and not all zero"),
        ({"calcification": 1.5}, r"calcification must lie in \[0, 1\], got 1.5"),
        ({"reader_noise": -1}, r"reader_noise must lie in \[0, 1\], got -1"),
    ],
)
def test_impossible_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SyntheticConfig(**options)


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match="seed and index must not be negative, got -1 and 0"):
        exam_facts(-1, 0)


@pytest.mark.parametrize(("share", "kind"), [(0.0, "mass"), (1.0, "calcification")])
def test_the_share_of_calcifications_is_kept(share, kind):
    config = SyntheticConfig(calcification=share, pathology=(0, 1, 1))
    labels = {lesion.label.split("_")[1] for index in range(60) for lesion in exam_facts(0, index, config).lesions}
    assert labels == {kind}

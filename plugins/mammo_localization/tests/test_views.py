import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_localization.sampling import Sampler
from mammo_localization.views import collect, own_annotations
from taskfusion.cases import Annotations, Case
from taskfusion.errors import DataError
from taskfusion.progress import Progress


def collected(cohort, config, seed=0):
    return collect(cohort, config, Progress(), np.random.default_rng(seed))


def test_collects_views_with_lesions_and_as_many_without(toys, tiny):
    views = collected(toys, tiny)
    assert len(views.with_lesion()) == len(toys.annotations) == len(views.without()) == 40
    assert views.pixels.shape == (80, 96, 80)


def test_the_paper_trains_on_lesions_only(toys, tiny):
    views = collected(toys, attrs.evolve(tiny, normal_share=0.0))
    assert len(views.without()) == 0


def test_boxes_lie_on_the_lesions_after_preparation(toys, tiny):
    views = collected(toys, tiny)
    for row in views.with_lesion():
        xmin, ymin, xmax, ymax = views.boxes[row][0].round().astype(int)
        lesion, image = views.pixels[row, ymin:ymax, xmin:xmax], views.pixels[row]
        assert lesion.max() > 1.3 * np.median(image[image > 0])


def test_too_many_views_for_memory_go_to_a_file(toys, tiny):
    config = attrs.evolve(tiny, memory_megabytes=1, size=(192, 160))
    views = collected(toys, config)
    assert isinstance(views.pixels, np.memmap)
    assert views.pixels.max() == 255


def test_classes_are_found_by_name(toys, tiny):
    found = toys.annotations
    turned = Annotations((*found.classes[::-1], "other"), found.case, found.view, found.boxes, 3 - found.labels)
    same = own_annotations(attrs.evolve(toys, annotations=turned), tiny.classes)
    assert same.labels.tolist() == found.labels.tolist()


def test_boxes_of_other_classes_are_left_out(toys, tiny):
    found = toys.annotations
    more = Annotations((*found.classes, "other"), found.case, found.view, found.boxes, 0 * found.labels + 4)
    assert len(own_annotations(attrs.evolve(toys, annotations=more), tiny.classes)) == 0


def test_a_cohort_that_cannot_be_learned_from_is_refused(toys, tiny):
    with pytest.raises(DataError, match="cohort 'toy' has no boxes; localization learns from boxes of lesions"):
        collected(attrs.evolve(toys, annotations=None), tiny)
    with pytest.raises(DataError, match=r"no lesion class 'benign_masses' \(did you mean 'benign_mass'\?\); known: "):
        collected(toys, attrs.evolve(tiny, classes=("benign_masses",)))
    with pytest.raises(DataError, match="cohort 'toy' has no lesion among its 20 training cases"):
        collected(toys.select(np.arange(0, 40, 2)), tiny)


def test_an_unreadable_image_is_named(toys, tiny):
    cases = [Case.of(case.id, dict.fromkeys(case.views, "/nowhere.png")) for case in toys.cases]
    with pytest.raises(DataError, match=r"case 'case-1', view '.-CC': image not found: /nowhere\.png"):
        collected(attrs.evolve(toys, cases=cases), tiny)


@pytest.fixture(scope="module")
def views(make_cohort, tiny):
    """Training views; do not change them."""
    return collected(make_cohort(), tiny)


def test_batches_have_the_shapes_the_learner_wants(views, tiny):
    batch = Sampler(views, tiny, 0).batch(0)
    assert {name: value.shape for name, value in batch.items()} == {
        "images": (8, 64, 56, 1),
        "boxes": (8, 8, 4),
        "labels": (8, 8),
    }
    assert 0 <= batch["images"].min() < batch["images"].max() <= 1


def test_a_batch_follows_from_seed_and_step_alone(views, tiny):
    sampler = Sampler(views, tiny, 3)
    in_order = [sampler.batch(step) for step in range(4)]
    assert all((in_order[3][name] == value).all() for name, value in Sampler(views, tiny, 3).batch(3).items())
    assert (sampler.patches(2)[0] == Sampler(views, tiny, 3).patches(2)[0]).all()
    others = [in_order[2], Sampler(views, tiny, 4).batch(3)]
    assert all((other["images"] != in_order[3]["images"]).any() for other in others)


@given(st.integers(1, 9), st.sampled_from([0.0, 0.3, 0.4, 1.0]))
def test_every_view_comes_equally_often_and_normal_ones_by_their_share(views, tiny, batch, share):
    sampler, steps = Sampler(views, tiny, 0), 50
    rows = np.array([sampler._rows(step, batch, share) for step in range(steps)])
    normal = np.isin(rows, views.without())
    assert abs(normal.sum() - steps * batch * share) <= 1
    for chosen, deck in ((rows[normal], views.without()), (rows[~normal], views.with_lesion())):
        counts = np.bincount(chosen, minlength=len(views.labels))[deck]
        assert counts.max() - counts.min() <= 1


def test_windows_show_what_their_boxes_say(views, tiny):
    sampler, rng = Sampler(views, tiny, 1), np.random.default_rng(1)
    for row in views.with_lesion()[:20]:
        image, boxes, labels = sampler.window(int(row), (64, 56), rng)
        assert len(boxes) == len(labels) == 1
        xmin, ymin, xmax, ymax = boxes[0].round().astype(int)
        assert image[ymin:ymax, xmin:xmax].max() > 1.3 * np.median(image[image > 0])


def test_whole_images_are_not_moved(views, tiny):
    config = attrs.evolve(tiny, rotation=0.0, zoom=1.0, window=None)
    sampler, rng = Sampler(views, config, 0), np.random.default_rng(0)
    row = int(views.with_lesion()[0])
    seen = {tuple(np.round(sampler.window(row, config.size, rng)[1][0], 3)) for _ in range(10)}
    (xmin, ymin, xmax, ymax) = views.boxes[row][0]
    assert seen == {tuple(np.round(box, 3)) for box in [(xmin, ymin, xmax, ymax), (80 - xmax, ymin, 80 - xmin, ymax)]}


def test_patches_are_labelled_by_what_they_show(views, tiny):
    images, classes = Sampler(views, tiny, 0).patches(0)
    assert images.shape == (16, 32, 32, 1)
    assert set(classes) == {0, 1, 2}

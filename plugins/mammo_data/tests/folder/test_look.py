import cv2
import numpy as np
import pytest

from mammo_data import plugin
from mammo_data.contact_sheet import CAPTION, COLOURS, OUTLINE, legend
from mammo_data.folder.look import Choice, Drawing, caption_of, chosen_rows, draw_case, stacked, write_sheets
from mammo_data.folder.spec import cohort_of_spec
from mammo_data.readers.folder import CohortFolder, CohortFolderReader
from taskfusion.errors import DataError, TaskFusionError, UnknownNameError
from taskfusion.images import write_png
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress

SMALL, BARE = Drawing(96), Drawing(96, boxes=False)


def read(folder):
    return CohortFolderReader(CohortFolder(folder)).read(Progress())


@pytest.fixture(scope="module")
def cohort(whole):
    """Twelve synthetic exams of 48 x 48 pixels; do not mutate."""
    return read(whole)


def test_cases_are_taken_evenly_at_random_by_id_by_label_and_by_split(cohort):
    assert chosen_rows(cohort, Choice(3)) == [0, 6, 11]
    assert chosen_rows(cohort, Choice(50)) == list(range(12))
    assert chosen_rows(cohort, Choice(4, seed=2)) == chosen_rows(cohort, Choice(4, seed=2))
    assert chosen_rows(cohort, Choice(ids=(cohort.ids[7], cohort.ids[1]))) == [7, 1]
    label = cohort.annotations.classes[cohort.annotations.labels[0]]
    with_it = np.flatnonzero(cohort.view_labels([label]).any(axis=1))
    assert chosen_rows(cohort, Choice(50, label=label)) == with_it.tolist()
    assert chosen_rows(cohort, Choice(50, split="train")) == cohort.rows("train").tolist()


def test_what_nobody_has_is_refused(cohort):
    with pytest.raises(UnknownNameError, match="unknown case 'synthetic-3-0000'"):
        chosen_rows(cohort, Choice(ids=("synthetic-3-0000",)))
    with pytest.raises(UnknownNameError, match=r"unknown lesion class 'malignant_mas' \(did you mean 'malignant_mass'"):
        chosen_rows(cohort, Choice(label="malignant_mas"))
    with pytest.raises(DataError, match=r"^synthetic has no case of split test$"):
        chosen_rows(cohort.part("train"), Choice(split="test"))


def test_six_exams_a_sheet_and_the_colours_of_their_lesions(cohort, tmp_path):
    paths = write_sheets(cohort, Choice(12), tmp_path / "sheet.png", SMALL)
    assert [path.name for path in paths] == ["sheet.png", "sheet-2.png"]
    sheet = cv2.imread(str(paths[0]))
    legends = len(legend(4 * 96))
    assert sheet.shape == (legends + 2 * CAPTION + 6 * (96 + CAPTION), 4 * 96, 3)  # the notice takes two lines
    label = cohort.annotations.classes[cohort.annotations.labels[0]]
    row = int(cohort.annotations.case[0])
    assert (draw_case(cohort, row, SMALL) == COLOURS[label]).all(axis=2).any()
    assert not (draw_case(cohort, row, BARE) == COLOURS[label]).all(axis=2).any()


def test_a_long_notice_is_not_cut_off():
    strip = np.zeros((10, 400, 3), np.uint8)
    legends = len(legend(400))
    assert stacked([strip], "").shape == (legends + 10, 400, 3)
    assert stacked([strip], "word " * 30).shape == (legends + 3 * CAPTION + 10, 400, 3)


def test_the_chest_walls_meet_in_the_middle(cohort):
    cc = draw_case(cohort, 0, BARE)[:96, :192].mean(axis=(0, 2))
    assert cc[76:116].mean() > 2 * cc[:20].mean()


def test_missing_and_unreadable_views_get_a_panel_that_says_so(make, made, folder):
    make(made.Fake({"a": {"views": made.record("a").views[:2]}}))
    cohort = read(folder)
    whole = draw_case(cohort, 0, SMALL)
    (folder / "images/a/L-CC.png").unlink()
    harmed = draw_case(cohort, 0, SMALL)
    assert (whole[:96, :72] == 40).all(axis=2).mean() > 0.5  # R-CC, which the exam lacks
    assert (harmed[:96, 72:144] == 40).all(axis=2).mean() > 0.5
    assert whole.shape == harmed.shape == (96 + CAPTION, 4 * 80, 3)
    assert caption_of(cohort, 0, cohort.cases[0]).startswith("a  lesion no  malignancy no  density ?")


def test_the_breast_mask_is_outlined_and_named_on_request(cohort, tmp_path):
    drawn = draw_case(cohort, 0, Drawing(96, boxes=False, mask=True))
    outlined = (drawn[:96] == OUTLINE).all(axis=2)
    assert not (draw_case(cohort, 0, BARE) == OUTLINE).all(axis=2).any()
    walls = outlined[:, 94:96].any(axis=1), outlined[:, 96:98].any(axis=1)
    assert all(wall.mean() > 0.3 for wall in walls)
    assert not outlined[:, :5].any() and not outlined[:, 187:192].any()  # and not far from the breasts
    legends = []
    for drawing in (SMALL, Drawing(96, mask=True)):
        (path,) = write_sheets(cohort, Choice(1), tmp_path / "sheet.png", drawing)
        legends.append((cv2.imread(str(path))[: len(legend(4 * 96, drawing.mask))] == OUTLINE).all(axis=2).any())
    assert legends == [False, True]


def test_the_cohort_of_a_spec_is_read_with_paths_from_its_folder_and_nothing_else_of_it(tmp_path, made):
    write_png(tmp_path / "raw/L-CC.png", made.pixels(1))
    (tmp_path / "exams.csv").write_text("exam,view,file\na,L-CC,L-CC.png\n")
    spec = tmp_path / "my.yaml"
    spec.write_text("cohort: {reader: mammograms, path: exams.csv, folder: raw, case: exam, view: view}\n")
    registry = build_registry([plugin], entry_points=False)
    assert cohort_of_spec(spec, registry).ids == ("a",)
    for text, told in {
        "fusers: {}\n": r"my\.yaml has no section 'cohort' that names a reader; expected  cohort: \{reader: mammograms",
        "cohort: {reader: mamograms}\n": r"unknown reader 'mamograms' \(did you mean 'mammograms'\?\)",
        "cohort: {reader: mammograms, pth: x}\n": r"my\.yaml: cohort\.pth: unknown key \(did you mean 'path'\?\)",
        "cohort: {reader: mammograms\n": r"my\.yaml:\d",
    }.items():
        spec.write_text(text)
        with pytest.raises(TaskFusionError, match=told):
            cohort_of_spec(spec, registry)


def test_the_legend_has_as_many_rows_as_its_names_need():
    assert len(legend(2000, mask=True)) == CAPTION
    assert len(legend(384)) == 2 * CAPTION
    assert len(legend(100, mask=True)) == 5 * CAPTION

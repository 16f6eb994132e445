"""The archive's real tree of names: every case is found, every name understood."""

from __future__ import annotations

from collections import Counter

from ddsm.real import DATA, needs
from ddsm.writer import VIEWS

from mammo_data.ddsm.walk import FILE, CaseFiles, find_cases


@needs("ddsm_case_index")
def test_the_whole_archive_s_tree_is_found(tmp_path):
    """Empty files under the names of the real tree: 2604 exams, nothing skipped, 18 cases in two volumes."""
    import csv

    with (DATA / "ddsm_case_index" / "ddsm_case_index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(len(row["stray_files"].split()) for row in rows) == 22
    for row in rows:
        folder = tmp_path / row["category"] / row["volume"] / row["case_dir"]
        folder.mkdir(parents=True)
        stem = row["ics"].removesuffix(".ics").replace("-", "_")
        names = [row["ics"], *(f"{stem}.{view}.LJPEG" for view in VIEWS), *row["stray_files"].split()]
        for name in [*names, *(f"{stem}.{view}.OVERLAY" for view in row["overlay_views"].split())]:
            (folder / name).touch()
    found = list(find_cases(tmp_path))
    assert all(isinstance(item, CaseFiles) for item in found)
    assert Counter(item.category for item in found) == {
        "cancer": 913, "benign": 855, "normal": 695, "benign_without_callback": 141
    }  # fmt: skip
    assert Counter(item.case[0] for item in found) == {"A": 1368, "B": 470, "C": 464, "D": 302}
    assert sum(len(item.images) for item in found) == 10416
    overlays = Counter(len(item.overlays) for item in found if item.category != "normal")
    twice = Counter({3: 2})  # the index lists RIGHT_MLO twice in A-1826-1 and A-1059-1: one name, one file
    assert overlays - Counter({2: 2}) + twice == {1: 117, 2: 1616, 3: 24, 4: 152}
    assert sum(len(item.overlays) for item in found) + 2 == 4029
    assert not any(item.overlays for item in found if item.category == "normal")
    assert len({item.id for item in found}) == len(found) == 2604 and len({item.case for item in found}) == 2586
    assert not any(item.strangers for item in found)


@needs("ddsm_deepminer")
def test_the_names_of_the_real_images_are_names_of_images():
    names: dict[str, list[str]] = {}
    for split in ("train", "val", "test"):
        names[split] = (DATA / "ddsm_deepminer" / f"{split}.txt").read_text().split()
    matches = {
        split: [FILE.fullmatch(name.split("-", 1)[1].removesuffix(".jpg")) for name in names[split]] for split in names
    }
    assert {split: len(found) for split, found in matches.items()} == {"train": 8336, "val": 1040, "test": 1044}
    cases = {
        split: Counter((name.split("-")[0], match["case"]) for name, match in zip(names[split], found, strict=True))
        for split, found in matches.items()
    }
    assert {split: len(found) for split, found in cases.items()} == {"train": 2084, "val": 260, "test": 261}
    assert {count for found in cases.values() for count in found.values()} == {4}
    together = [case for found in cases.values() for case in found]
    assert len(set(together)) == len(together), "a case in two splits"
    assert Counter(volume.rsplit("_", 1)[0] for volume, _ in cases["train"]) == {
        "cancer": 730, "benign": 686, "normal": 554, "benign_without_callback": 114
    }  # fmt: skip

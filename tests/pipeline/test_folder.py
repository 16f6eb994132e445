"""A saved pipeline: data only, refused when anything about it is off, and never a traceback."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
import toys
from toys import CaseToy, DetectionToy, ViewToy

import taskfusion
from taskfusion.errors import ModelFolderError, PluginError, TaskFusionError, UnknownNameError
from taskfusion.fusers.score import SvmConfig, SvmFuser
from taskfusion.learned_padding import LearnedPadding
from taskfusion.padding import ZeroPadding
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.manifest import FORMAT, read_manifest, write_manifest
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.plugins import build_registry

DAMAGES = 200


def pipeline() -> FusionPipeline:
    svm = FuserPlan("svm", SvmFuser(SvmConfig(C=(1.0,))), LearnedPadding(), missing={"density": "neutral"})
    largest = FuserPlan("max", taskfusion.fuser("max"), ZeroPadding(), ("view",))
    return FusionPipeline({"density": CaseToy(), "view": ViewToy(), "loc": DetectionToy()}, [svm, largest])


@pytest.fixture(scope="module")
def fitted(cohort):
    """Fitted, with a padding that learned; do not mutate."""
    return pipeline().fit(cohort)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    """Its folder; copy it before you harm it."""
    return fitted.save(tmp_path_factory.mktemp("saved") / "model", build_registry([toys], entry_points=False))


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to harm."""
    return shutil.copytree(saved, tmp_path / "model")


def test_saved_and_loaded_to_the_bit(fitted, saved, cohort, registry):
    loaded = FusionPipeline.load(saved, registry)
    before, after = fitted.predict(cohort), loaded.predict(cohort)
    assert all(np.array_equal(before.scores[key], after.scores[key]) for key in before.scores)
    assert loaded.notice == "TOY DATA" and loaded.views == cohort.views and loaded.targets == ("ill", "bad")
    assert loaded.plans[0].missing == {"density": "neutral"}


def test_the_manifest_says_format_versions_and_plugins(saved):
    record = read_manifest(saved)
    assert record["format"] == FORMAT and {"taskfusion", "numpy", "scikit-learn"} <= set(record["versions"])
    assert record["tasks"][0]["task"] == {"name": "case_toy", "distribution": "given in code", "version": "-"}
    assert record["plans"][0]["fuser"]["distribution"] == "taskfusion"


def test_no_pickle_is_in_the_folder(saved):
    endings = {path.suffix for path in saved.rglob("*") if path.is_file()}
    assert endings <= {".json", ".skops", ".npz", ".parquet", ".keras", ".md"}


def test_a_changed_missing_or_added_file_is_named(folder, registry):
    target = folder / "tasks" / "view" / "config.json"
    whole = target.read_text()
    target.write_text(whole.replace("1.0", "1.5"))
    with pytest.raises(ModelFolderError, match=r"config.json is changed since the model was saved"):
        FusionPipeline.load(folder, registry)
    target.unlink()
    with pytest.raises(ModelFolderError, match=r"config.json is missing since the model was saved"):
        FusionPipeline.load(folder, registry)
    target.write_text(whole)
    (folder / ".DS_Store").write_text("what file managers leave behind")
    FusionPipeline.load(folder, registry)
    (folder / "extra.npz").write_text("")
    with pytest.raises(ModelFolderError, match=r"extra.npz does not belong to the saved model; take it out"):
        FusionPipeline.load(folder, registry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": FORMAT + 1}, rf"format {FORMAT + 1}, of a newer taskfusion; this one reads {FORMAT}: update it"),
        ({"format": 1}, rf"has format 1; this version reads {FORMAT}: fit and save the model again"),
        ({"format": None}, r"has format None"),
        ({"notice": "changed"}, r"manifest.json was changed since the model was saved"),
    ],
)
def test_a_manifest_of_another_format_or_content_is_refused(folder, registry, change, message):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelFolderError, match=message):
        FusionPipeline.load(folder, registry)


@pytest.mark.parametrize(
    ("text", "message"), [("{", r"is not JSON"), ("[1]", r"has format None"), ("[" * 99999, r"not")]
)
def test_a_manifest_that_is_none(folder, registry, text, message):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelFolderError, match=message):
        FusionPipeline.load(folder, registry)


def test_a_folder_without_a_model(tmp_path, registry):
    with pytest.raises(ModelFolderError, match=r"no saved model in .*nowhere: manifest.json is missing"):
        FusionPipeline.load(tmp_path / "nowhere", registry)


def forge(folder, change):
    """Rewrite the manifest with a right digest, as somebody would who knows the format."""
    record = read_manifest(folder)
    del record["files"], record["format"]
    change(record)
    write_manifest(folder, record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["fitted"][0].update(place="../../elsewhere"), r"which is not inside the model folder"),
        (lambda r: r["tasks"][0].update(name="../../x"), r"which is not inside the model folder"),
        (lambda r: r.pop("plans"), r"manifest.json cannot be loaded: KeyError: 'plans'"),
        (lambda r: r["plans"][0].update(joint="no"), r"SvmFuser learns one target at a time"),
        (lambda r: r["tasks"][0].update(answers=0), r"saved by version 0 of its class; the installed one is version 1"),
        (lambda r: r["fitted"][0].update(detections="many"), r"cannot be loaded"),
    ],
)
def test_a_forged_manifest_is_one_clear_error(folder, registry, change, message):
    forge(folder, change)
    with pytest.raises(TaskFusionError, match=message):
        FusionPipeline.load(folder, registry).predict(toys.toy_cohort(6))


def test_a_part_that_does_not_load_is_named(folder, registry):
    (folder / "tasks" / "view" / "weights" / "offset.json").write_text("{")
    assert _reseal(folder)
    with pytest.raises(ModelFolderError, match=r"task 'view' cannot be loaded: JSONDecodeError"):
        FusionPipeline.load(folder, registry)


def test_a_model_of_a_missing_plugin_names_it_and_where_it_came_from(saved):
    with pytest.raises(UnknownNameError, match=r"unknown task 'case_toy'.*saved with given in code -: install it"):
        FusionPipeline.load(saved)


def test_a_name_that_now_comes_from_another_package_is_refused(folder, registry):
    forge(folder, lambda r: r["plans"][0]["fuser"].update(distribution="elsewhere", version="2.0"))
    with pytest.raises(PluginError, match=r"fuser 'svm' now comes from taskfusion; .*elsewhere 2.0"):
        FusionPipeline.load(folder, registry)


def test_a_plugin_given_in_code_loads_what_its_package_saved(folder, registry):
    forge(folder, lambda r: r["tasks"][0]["task"].update(distribution="toys", version="2.0"))
    FusionPipeline.load(folder, registry)


def test_a_class_nobody_registered_cannot_be_saved(fitted, tmp_path):
    with pytest.raises(PluginError, match=r"CaseToy is not a registered task"):
        fitted.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(fitted, tmp_path, registry):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ModelFolderError, match=r"holds something that is no saved model; choose another folder"):
        fitted.save(tmp_path, registry)
    assert (tmp_path / "letters.txt").read_text() == "dear"
    fitted.save(tmp_path / "model", registry)
    fitted.save(tmp_path / "model", registry)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters.txt", "model"]


def harm(folder, rng: random.Random) -> str:
    """One random damage: a byte, a cut, a removal, an addition or a swap."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = rng.choice(files)
    data = bytearray(path.read_bytes())
    kind = rng.choice(["byte", "cut", "remove", "add", "swap", "append"])
    if kind == "byte" and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    elif kind == "cut" and data:
        path.write_bytes(data[: rng.randrange(len(data))])
    elif kind == "remove":
        path.unlink()
    elif kind == "add":
        path.with_name(f"{path.name}.more").write_bytes(data)
    elif kind == "swap":
        others = [other for other in files if other.read_bytes() != bytes(data)]
        path.write_bytes(rng.choice(others).read_bytes())
    else:
        path.write_bytes(bytes(data) + b" {}")
    return f"{kind} {path.relative_to(folder)}"


@pytest.mark.parametrize("resealed", [False, True], ids=["as found", "with a manifest made to fit"])
def test_two_hundred_damaged_folders_give_one_clear_error_each(saved, tmp_path, registry, resealed):
    """Resealed: even when hashes fit, what is inside is data; then some damage may load, but nothing may crash."""
    for number in range(DAMAGES // 2):
        folder = shutil.copytree(saved, tmp_path / str(number))
        what = harm(folder, random.Random(number))
        if resealed and not _reseal(folder):
            continue
        try:
            FusionPipeline.load(folder, registry)
            assert resealed, f"{what} went unnoticed"
        except TaskFusionError as error:
            assert str(error) and "Traceback" not in str(error), what
        shutil.rmtree(folder)


def _reseal(folder) -> bool:
    path = folder / "manifest.json"
    try:
        record = json.loads(path.read_bytes())
        for key in ("format", "files", "digest"):
            record.pop(key, None)
        write_manifest(folder, record)
    except (OSError, ValueError, AttributeError):
        return False
    return True


def test_a_pickle_in_place_of_an_estimator_is_not_run(folder, registry, tmp_path):
    import os
    import pickle

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    for path in folder.rglob("*.skops"):
        path.write_bytes(pickle.dumps(Payload()))
    assert _reseal(folder)
    with pytest.raises(ModelFolderError, match=r"saved estimator is damaged"):
        FusionPipeline.load(folder, registry)
    assert not (tmp_path / "ran").exists()

"""A model directory comes back as it was written, and anything else is refused with its reason."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from model.tagger import artifact as artifact_module
from model.tagger.artifact import Artifact, find_artifact, load_artifact, read_files, save_artifact
from model.text.segmentation import Segmentation
from schemas.errors import ArtifactError

Files = dict[str, bytes]
PRODUCT_FILES = (
    *("baseline.json", "checksums.json", "config.json", "labels.json", "metrics.json"),
    *("vocabulary.json", "weights.safetensors"),
)


@pytest.fixture
def files(tiny_artifact: Path) -> Files:
    return read_files(tiny_artifact)


def resealed(files: Files) -> Files:
    """The files with right checksums, as another program might have written them."""
    sums = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name != "checksums.json"
    }
    return {**files, "checksums.json": json.dumps(sums).encode()}


def changed_json(files: Files, name: str, **changes: object) -> Files:
    return resealed({**files, name: json.dumps({**json.loads(files[name]), **changes}).encode()})


def changed_weights(files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
    arrays = safetensors.numpy.load(files["weights.safetensors"])
    change(arrays)
    return resealed({**files, "weights.safetensors": safetensors.numpy.save(arrays)})


def test_what_is_saved_is_what_is_loaded(tiny_model: Artifact, files: Files) -> None:
    loaded = load_artifact(files, "tiny")
    assert loaded.name == tiny_model.name
    assert loaded.segmentation == tiny_model.segmentation
    assert loaded.encoder == tiny_model.encoder
    assert loaded.tags == tiny_model.tags
    assert loaded.temperature == tiny_model.temperature
    assert (loaded.training, loaded.metrics, loaded.baseline) == (
        tiny_model.training,
        tiny_model.metrics,
        tiny_model.baseline,
    )
    saved = tiny_model.weights.arrays()
    for name, array in loaded.weights.arrays().items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, saved[name], err_msg=name)


def test_the_tag_scheme_comes_back(tiny_models: Mapping[str, Artifact], tmp_path: Path) -> None:
    for scheme, model in tiny_models.items():
        save_artifact(model, tmp_path / scheme, {})
        loaded = load_artifact(read_files(tmp_path / scheme), scheme)
        assert loaded.tags == model.tags
        assert loaded.tags.scheme == scheme


@pytest.mark.parametrize(("name", "value"), [("start", 0.0), ("end", -np.inf), ("end", np.nan)])
def test_weights_must_forbid_what_the_tag_scheme_forbids_and_nothing_else(
    files: Files, name: str, value: float
) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name][2] = value  # of `I-geo`

    with pytest.raises(ArtifactError, match="forbid other sequences of tags than BIO does"):
        load_artifact(changed_weights(files, change), "m")


def test_saving_a_loaded_model_again_gives_the_same_bytes(files: Files, tmp_path: Path) -> None:
    people = {"MODEL_CARD.md": files["MODEL_CARD.md"].decode()}
    save_artifact(load_artifact(files, "tiny"), tmp_path / "again", people)
    assert read_files(tmp_path / "again") == files


def test_a_directory_holds_data_only(files: Files) -> None:
    """JSON, safetensors and texts: nothing that runs code when it is read."""
    assert sorted(files) == sorted([*PRODUCT_FILES, "MODEL_CARD.md"])
    for name, data in files.items():
        assert name.endswith((".json", ".safetensors", ".md", ".svg"))
        assert not data.startswith(b"\x80")  # a pickle of any protocol above 1
        if name.endswith(".json"):
            json.loads(data)


def test_word_vectors_are_stored_in_half_precision_and_nothing_else_is(
    tiny_model: Artifact, files: Files, tmp_path: Path
) -> None:
    stored = safetensors.numpy.load(files["weights.safetensors"])
    assert {name for name, array in stored.items() if array.dtype == np.float16} == {
        "vectors",
        "words",
    }
    fine = replace(tiny_model.weights, words=tiny_model.weights.words + np.float32(1e-5))
    save_artifact(replace(tiny_model, weights=fine), tmp_path / "fine", {})
    loaded = load_artifact(read_files(tmp_path / "fine"), "fine").weights
    np.testing.assert_array_equal(loaded.words, fine.as_stored().words)
    np.testing.assert_allclose(loaded.words, fine.words, rtol=1e-3)


@pytest.mark.parametrize("name", PRODUCT_FILES)
def test_a_missing_file_is_named(files: Files, name: str) -> None:
    expected = (
        "m is not a gleaner model: it has no checksums.json"
        if name == "checksums.json"
        else f"m is incomplete: {name} is missing"
    )
    del files[name]
    with pytest.raises(ArtifactError) as caught:
        load_artifact(files, "m")
    assert str(caught.value) == expected


@pytest.mark.parametrize("name", [*PRODUCT_FILES, "MODEL_CARD.md"])
def test_a_file_with_one_changed_byte_is_refused(files: Files, name: str) -> None:
    """Wherever the byte is; a changed list of checksums no longer fits some file, or is no JSON."""
    data = files[name]
    for position in {0, len(data) // 2, len(data) - 1}:
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(ArtifactError, match=r"^m is (damaged|incomplete): ") as caught:
            load_artifact({**files, name: damaged}, "m")
        if name != "checksums.json":
            assert str(caught.value) == f"m is damaged: {name} does not match its checksum"


@pytest.mark.parametrize("name", PRODUCT_FILES)
def test_a_truncated_file_is_refused(files: Files, name: str) -> None:
    with pytest.raises(ArtifactError, match=rf"^m is damaged: {name} "):
        load_artifact({**files, name: files[name][:-2]}, "m")


def test_an_empty_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r" is not a gleaner model: it has no checksums\.json$"):
        read_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"format": "other"}, "m is not a gleaner model: its format is 'other'"),
        (
            "config.json",
            {"format_version": 1},
            "m has model format version 1, this release reads version 2",
        ),
        (
            "config.json",
            {"segmentation": {"language": "en", "max_sentence_tokens": 9, "version": 3}},
            "m: segmentation version 3 is not one that this release reads (1 or 2): the model",
        ),
        (
            "config.json",
            {"temperature": 0},
            "m: config.json: temperature is 0, expected a number from 0.01 to 100",
        ),
        (
            "config.json",
            {"temperature": "1"},
            "m: config.json: temperature is '1', expected a number from",
        ),
        (
            "config.json",
            {"segmentation": {"colour": "red"}},
            "m: config.json: segmentation has 'colour'",
        ),
        (
            "labels.json",
            {"scheme": "IOB1"},
            "m does not fit together: tag scheme 'IOB1' is not known",
        ),
        (
            "labels.json",
            {"scheme": "BIOES"},
            "m does not fit together: weights for (25, 28, 7) words, characters",
        ),
        (
            "labels.json",
            {"labels": [1]},
            "m: labels.json: labels is a list of 1, expected a list of texts",
        ),
        ("labels.json", {"labels": ["per", "geo"]}, "m does not fit together: labels are"),
        (
            "labels.json",
            {"labels": ["geo"]},
            "m does not fit together: weights for (25, 28, 7) words, characters",
        ),
        ("vocabulary.json", {"words": ["the"]}, "m does not fit together: weights for"),
    ],
)
def test_a_foreign_or_newer_or_unfitting_file_is_refused(
    files: Files, name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArtifactError) as caught:
        load_artifact(changed_json(files, name, **changes), "m")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", [name for name in PRODUCT_FILES if name.endswith(".json")])
def test_json_of_another_shape_is_refused(files: Files, name: str) -> None:
    for data, fault in ((b"[]", "holds no object"), (b"{]", "is no JSON"), (b"\xff", "is no JSON")):
        other = {**files, name: data}
        with pytest.raises(ArtifactError) as caught:
            load_artifact(other if name == "checksums.json" else resealed(other), "m")
        assert str(caught.value) == f"m is damaged: {name} {fault}"


@pytest.mark.parametrize("name", ["config.json", "labels.json", "vocabulary.json"])
def test_json_without_its_keys_is_refused(files: Files, name: str) -> None:
    with pytest.raises(
        ArtifactError, match=r"^m(: \w+\.json has no \w+, expected | is not a gleaner model)"
    ):
        load_artifact(resealed({**files, name: b"{}"}), "m")


def test_weights_of_other_names_or_shapes_are_refused(files: Files) -> None:
    def drop(arrays: dict[str, Any]) -> None:
        del arrays["end"]

    def widen(arrays: dict[str, Any]) -> None:
        arrays["dense_bias"] = np.zeros(9, np.float32)

    with pytest.raises(ArtifactError, match=r"m does not fit together: weights \['casing'"):
        load_artifact(changed_weights(files, drop), "m")
    with pytest.raises(ArtifactError, match=r"weight dense_kernel has shape .*, expected"):
        load_artifact(changed_weights(files, widen), "m")
    with pytest.raises(ArtifactError, match=r"^m: weights\.safetensors cannot be read: "):
        load_artifact(resealed({**files, "weights.safetensors": b"no tensors"}), "m")


def test_identity_is_the_name_and_follows_what_is_computed(
    tiny_model: Artifact, files: Files, tmp_path: Path
) -> None:
    """Weights, labels, words and segmentation change it; scores and texts for people do not."""

    def identity(made: Artifact) -> str:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        save_artifact(made, directory, {"MODEL_CARD.md": f"# {directory}"})
        return load_artifact(read_files(directory), "m").identity

    own = load_artifact(files, "m").identity
    name, _, content = own.partition("@")
    assert name == "tiny"
    assert len(content) == 12
    assert identity(tiny_model) == own
    assert identity(replace(tiny_model, metrics={"f1": 1}, baseline={"tokens": 9})) == own
    weights = replace(tiny_model.weights, dense_bias=tiny_model.weights.dense_bias + 1)
    others = {
        identity(replace(tiny_model, weights=weights)),
        identity(replace(tiny_model, temperature=1.5)),
        identity(replace(tiny_model, segmentation=Segmentation("pt"))),
        identity(replace(tiny_model, encoder=replace(tiny_model.encoder, max_characters=9))),
    }
    assert len(others | {own}) == 5


def test_a_directory_that_holds_something_is_not_written_to(
    tiny_model: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        save_artifact(tiny_model, tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_model_is_found_by_directory_or_bundled_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a name that is neither is answered with the names that there are."""
    for name in ("gmb-xx", "abc"):
        (tmp_path / "bundled" / name).mkdir(parents=True)
    monkeypatch.setattr(artifact_module, "BUNDLED", tmp_path / "bundled")
    assert find_artifact("gmb-xx") == tmp_path / "bundled" / "gmb-xx"
    assert find_artifact(str(tmp_path)) == tmp_path
    with pytest.raises(ArtifactError) as caught:
        find_artifact("gmb-en", "--model")
    assert str(caught.value) == (
        "--model gmb-en: no such directory, and no bundled model of that name "
        "(bundled: abc, gmb-xx), did you mean gmb-xx?"
    )
    monkeypatch.setattr(artifact_module, "BUNDLED", tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match=r"\(bundled: none\)"):
        find_artifact("gmb-en", "--model")

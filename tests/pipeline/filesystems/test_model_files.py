"""What `--model` gave names the same model on any worker."""

from pathlib import Path

import pytest

from model.tagger.artifact import find_artifact, read_files
from pipeline.filesystems.model_files import read_model, settle_model
from schemas.errors import ArtifactError


def test_a_directory_is_named_by_its_absolute_path(
    tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it was given."""
    monkeypatch.chdir(tiny_artifact.parent)
    for given in (str(tiny_artifact), f"file://{tiny_artifact}", f"{tiny_artifact}/", "tiny"):
        assert settle_model(given) == str(tiny_artifact)
    assert read_model(settle_model("tiny")) == read_files(tiny_artifact)


def test_a_bundled_model_is_named_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands elsewhere on a worker; a directory of that name goes first."""
    assert settle_model("gmb-en") == "gmb-en"
    assert read_model("gmb-en") == read_files(find_artifact("gmb-en"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gmb-en").mkdir()
    assert settle_model("gmb-en") == str(tmp_path / "gmb-en")


def test_a_model_that_is_nowhere_is_refused_as_it_was_given(tmp_path: Path) -> None:
    for given in ("nowhere", f"{tmp_path}/none"):
        with pytest.raises(ArtifactError, match=f"--model {given}: no such directory"):
            settle_model(given)

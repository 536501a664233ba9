"""Whatever a model holds: it is refused by name when it is read, or tags any text soundly."""

import hashlib
import json
import math
import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.benchmark.__main__ import run as benchmark
from jobs.benchmark.scale import run as scale
from jobs.evaluate.__main__ import run as evaluate
from model.drift.compare import compare
from model.drift.profile import Profile, profile_of_baseline
from model.tagger.artifact import Artifact, load_artifact, read_files
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import ArtifactError, JobError, UsageError
from schemas.records import Document
from tests.model.tagger.mutated_models import Files, mutated, resealed

TEXTS = (
    "",
    " \n",
    "The council met in Lisbon on Monday. Maria Santos said that 12 ships left the harbour!",
    "in the river of ships and " * 1500,  # one sentence
    "x" * 300 + " 🚢 e\u0301 \u202e\x1b[31m \x00 日本語 a\u200db \u2028 Maria.",
)
IDENTITY = ("config.json", "labels.json", "vocabulary.json", "weights.safetensors")
DOCUMENTS = Profile(30_000, 900, (100,) * 11, {"geo": (60,) * 10, "org": (60,) * 10})


def loaded(files: Files) -> tuple[Artifact | None, str]:
    try:
        return load_artifact(files, "m"), ""
    except ArtifactError as error:
        return None, str(error)


def outcome(files: Files, known: set[str]) -> str:
    """Load the model and tag with it; what came of it, where that is as promised.

    known: what tagged soundly before.
    """
    artifact, refusal = loaded(files)
    if artifact is None:
        assert refusal.startswith("m")
        assert len(refusal) < 1000
        return "refused"
    found = compare(profile_of_baseline(artifact.baseline), DOCUMENTS)
    json.dumps(found, allow_nan=False)
    artifact.identity.encode()
    artifact.language.encode()
    digest = hashlib.sha256(b"".join(files[name] for name in IDENTITY)).hexdigest()
    if digest not in known:
        assert_sound(artifact)
        known.add(digest)
    return "accepted"


def assert_sound(artifact: Artifact) -> None:
    """Every span lies within its text and has a label of the model and a confidence."""
    documents = (
        tokenize_document(Document(str(n), "", 0, text), artifact.segmentation)
        for n, text in enumerate(TEXTS)
    )
    for tagged in tag_documents(Tagger(artifact, 16_384), documents):
        length = len(tagged.document.text)
        start, end, confidence = tagged.start_char, tagged.end_char, tagged.confidence
        assert ((start >= 0) & (start < end) & (end <= length)).all()
        assert (start[1:] >= end[:-1]).all()
        assert np.isfinite(confidence).all()
        assert ((confidence >= 0) & (confidence <= 1)).all()
        assert set(tagged.labels) <= set(artifact.tags.labels)
        json.dumps(tagged.labels).encode()
        "".join(tagged.labels).encode()


@pytest.fixture
def files(tiny_artifact: Path) -> Files:
    return read_files(tiny_artifact)


@pytest.mark.parametrize(
    ("seed", "count"),
    [(0, 60), pytest.param(1, 5000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_a_mutated_model_is_refused_or_sound(files: Files, seed: int, count: int) -> None:
    """No other error, no score that is no number, no hang, and never more than 2 GB."""
    known: set[str] = set()
    # Of this process, which other tests may have filled before.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = [outcome(mutated(files, 10_000 * seed + n), known) for n in range(count)]
    assert outcomes.count("refused") > count / 4
    assert outcomes.count("accepted") > count / 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss <= max(before, 2_000_000)  # KB


def written(files: Files, directory: Path) -> Path:
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


def changed(files: Files, name: str, values: dict[str, object]) -> Files:
    return resealed({**files, name: json.dumps({**json.loads(files[name]), **values}).encode()})


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("config.json", "max_characters", 0, "is 0, expected a whole number from 1 to 64"),
        ("config.json", "max_characters", "20", "is '20', expected a whole number from 1 to 64"),
        ("config.json", "max_characters", True, "is true, expected a whole number from 1 to 64"),
        ("config.json", "max_characters", 10**9, "is 1000000000, expected a whole number"),
        ("config.json", "temperature", math.nan, "is nan, expected a number from 0.01 to 100"),
        ("config.json", "temperature", 1e-300, "is 1e-300, expected a number from 0.01 to 100"),
        ("config.json", "temperature", True, "is true, expected a number from 0.01 to 100"),
        ("config.json", "name", "a\nb", r"is 'a\nb', expected a text of 1 to 200 printable"),
        ("config.json", "name", "", "is '', expected a text of 1 to 200 printable characters"),
        ("config.json", "training", [], "is a list of 0, expected an object"),
        ("labels.json", "labels", [], "is a list of 0, expected 1 to 256"),
        ("labels.json", "labels", ["\ud800"], "is a list of 1, expected a list of texts in UTF-8"),
        ("labels.json", "labels", ["geo", "geo", "per"], "a text stands twice in labels"),
        ("vocabulary.json", "words", ["the", "the"], "a text stands twice in words"),
        ("baseline.json", "tokens", -1, "is -1, expected a whole number from 0 to 9,007,"),
        ("baseline.json", "unknown_tokens", 5, "is 5, expected a whole number from 0 to 0"),
        ("baseline.json", "language", 7, "is 7, expected a text of 1 to 200 printable"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    files: Files, name: str, key: str, value: object, message: str
) -> None:
    with pytest.raises(ArtifactError) as caught:
        load_artifact(changed(files, name, {key: value}), "m")
    assert str(caught.value).startswith(f"m: {name}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "checksums.json"])
def test_json_that_is_nested_too_deeply_is_refused(files: Files, name: str) -> None:
    deep = {**files, name: b'{"a":' + b"[" * 200_000}
    with pytest.raises(ArtifactError) as caught:
        load_artifact(deep if name == "checksums.json" else resealed(deep), "m")
    assert str(caught.value) == f"m is damaged: {name} is nested too deeply"


def put_pipe(file: Path) -> None:
    os.mkfifo(file)


def put_folder(file: Path) -> None:
    file.mkdir()


def put_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def put_circle(file: Path) -> None:
    file.symlink_to(file)


def put_sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(2**40)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (put_pipe, "no regular file"),
        (put_folder, "Is a directory"),
        (put_device, "no regular file"),
        (put_circle, "Too many levels of symbolic links"),
        (put_sparse, "is too large for a model"),
    ],
)
@pytest.mark.parametrize("name", ["checksums.json", "config.json", "MODEL_CARD.md"])
def test_what_is_no_file_of_a_model_is_refused_at_once(
    files: Files, tmp_path: Path, put: object, message: str, name: str
) -> None:
    directory = written(files, tmp_path / "m")
    (directory / name).unlink()
    assert callable(put)
    put(directory / name)
    with pytest.raises(ArtifactError) as caught:
        read_files(directory)
    assert str(caught.value).startswith(f"{directory} cannot be read: {name}")
    assert message in str(caught.value)


def test_links_to_files_are_read(files: Files, tmp_path: Path) -> None:
    """As a cache of downloads, or a mounted secret, keeps them."""
    directory = written(files, tmp_path / "m")
    links = tmp_path / "links"
    links.mkdir()
    for name in files:
        (links / name).symlink_to(directory / name)
    assert read_files(links) == files


@pytest.mark.parametrize(
    ("seed", "count"),
    [(7, 5), pytest.param(8, 60, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_a_run_and_a_measurement_with_a_mutated_model_end_as_documented(
    files: Files, tmp_path: Path, seed: int, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is written, with exit code 2; else with rows that are sound."""
    source = tmp_path / "docs.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS[2:4]))
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"text": TEXTS[2], "entities": [[19, 25, "geo"]]}) + "\n")
    codes = []
    for n in range(count):
        model = written(mutated(files, 10_000 * seed + n), tmp_path / f"m{n}")
        output = tmp_path / f"out{n}"
        command = [f"--input={source}", f"--model={model}", f"--output={output}"]
        code = ended(run, [*command, "--direct_num_workers=1"])
        measured = ended(evaluate, [f"--model={model}", f"--data={gold}"])
        assert measured == 2 or code == measured == 0  # a model may know none of the gold's labels
        codes.append(code)
        assert code in (0, 2)
        assert output.exists() == (code == 0)
        if code == 0:
            found = read_table(str(output), "entities")["confidence"].to_numpy()
            assert ((found >= 0) & (found <= 1)).all()
            assert read_table(str(output), "dead_letters").num_rows == 0
        capsys.readouterr()
    assert set(codes) == {0, 2}


@pytest.mark.parametrize("command", [benchmark, scale])
def test_a_benchmark_of_a_model_that_is_refused_ends_as_a_run_does(
    files: Files, tmp_path: Path, command: Callable[[list[str]], int]
) -> None:
    model = written(changed(files, "config.json", {"max_characters": 0}), tmp_path / "m")
    with pytest.raises(
        UsageError, match=rf"^{model}: config\.json: max_characters is 0, expected "
    ):
        command([f"--model={model}"])


def ended(command: Callable[[list[str]], int], flags: list[str]) -> int:
    """The exit code of a command in this process; an error that it did not foresee is raised."""
    try:
        return command(flags)
    except JobError as error:
        return error.exit_code

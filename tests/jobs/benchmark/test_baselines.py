"""The comparison trains other taggers on the same sentences, and scores all of them by one rule."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.benchmark.baselines.__main__ import run
from jobs.benchmark.baselines.crfsuite_tagger import features
from jobs.benchmark.baselines.measure import Measured
from jobs.benchmark.baselines.report import chart, table
from model.evaluation.entity_scores import ScoreRow
from schemas.errors import JobError, UsageError

SPACY = os.environ.get("GLEANER_SPACY")
# Remembers the last tag of each word, and counts how often it was trained.
FAKE_CRFSUITE = """
import json, pathlib
OWN = "0:word="
class Trainer:
    def __init__(self, verbose): self.tags = {}
    def set_params(self, params): pass
    def append(self, features, tags):
        for each, tag in zip(features, tags, strict=True):
            self.tags[next(f for f in each if f.startswith(OWN))] = tag
    def train(self, path):
        with pathlib.Path(path + ".times").open("a") as times:
            times.write("x")
        pathlib.Path(path).write_text(json.dumps(self.tags))
class Tagger:
    def open(self, path): self.tags = json.loads(pathlib.Path(path).read_text())
    def tag(self, features):
        return [self.tags.get(next(f for f in each if f.startswith(OWN)), "O") for each in features]
"""
PLACES = ("Lisbon", "Porto", "Faro", "Braga", "Evora", "Sines")


def conll(sentences: int, path: Path) -> Path:
    """Sentences of a person and a place each."""
    path.write_text(
        "\n".join(
            f"Maria B-per\nSilva I-per\nleft O\n{PLACES[n % len(PLACES)]} B-geo\n{n % 9} O\n. O\n"
            for n in range(sentences)
        )
    )
    return path


@pytest.fixture
def crfsuite_python(tmp_path: Path) -> Path:
    """An interpreter that finds a python-crfsuite, which learns tags by heart."""
    packages = tmp_path / "packages"
    (packages / "python_crfsuite-9.9.dist-info").mkdir(parents=True)
    metadata = packages / "python_crfsuite-9.9.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: python-crfsuite\nVersion: 9.9\n")
    (packages / "pycrfsuite.py").write_text(FAKE_CRFSUITE)
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def compared(tmp_path: Path, *flags: str) -> Any:  # noqa: ANN401
    """The figures of a whole process, as a user starts it, and what it printed."""
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "jobs.benchmark.baselines", "--repeats=2", *flags]
    done = subprocess.run(
        [*command, f"--json={figures}"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(figures.read_text()), done.stdout


def test_taggers_are_trained_once_and_scored_on_the_same_tokens(
    tmp_path: Path, tiny_artifact: Path, crfsuite_python: Path
) -> None:
    train, data = conll(60, tmp_path / "train.conll"), conll(8, tmp_path / "data.conll")
    # A word that was not met, and one whose label is another here: one missed, one wrong.
    data.write_text(data.read_text() + "\nSilves B-geo\n\nFaro B-per\n")
    drawn, trained = tmp_path / "chart.svg", tmp_path / "trained"
    flags = [f"--train={train}", f"--data={data}", f"--model={tiny_artifact}"]
    flags += [f"--crf_python={crfsuite_python}", f"--trained={trained}", f"--chart={drawn}"]

    for _ in range(2):
        figures, printed = compared(tmp_path, *flags)

    (times,) = trained.rglob("*.times")
    assert times.read_text() == "x"
    assert figures["train"] == {"sentences": 60, "tokens": 360}
    assert figures["data"] == {"sentences": 10, "tokens": 50}
    ours, theirs = figures["taggers"]
    assert ours["name"].startswith("gleaner, ")
    assert theirs["name"] == "python-crfsuite 9.9"
    right, predicted, gold = 16, 17, 18
    assert theirs["scores"] == ScoreRow.of_counts(right, predicted, gold).to_json()
    assert ours["scores"]["support"] == gold
    assert min(ours["tokens_per_second"], theirs["tokens_per_second"]) > 0
    assert ours["training_seconds"] is None
    assert "python-crfsuite 9.9" in printed
    assert drawn.read_text().startswith("<?xml")


@pytest.mark.skipif(not SPACY, reason="GLEANER_SPACY names no Python that has spaCy")
@pytest.mark.timeout(900)
def test_the_real_ones_learn_what_is_easy(tmp_path: Path, tiny_artifact: Path) -> None:
    train, data = conll(80, tmp_path / "train.conll"), conll(12, tmp_path / "data.conll")
    figures, _ = compared(
        tmp_path,
        *(f"--train={train}", f"--data={data}", f"--model={tiny_artifact}"),
        *(f"--crf_python={SPACY}", f"--spacy_python={SPACY}"),
    )
    _, crfsuite, spacy = figures["taggers"]
    assert crfsuite["name"].startswith("python-crfsuite 0.")
    assert spacy["name"].startswith("spaCy 3.")
    for tagger in (crfsuite, spacy):
        assert tagger["scores"]["f1"] == 1
        assert tagger["training_seconds"] > 0


def test_a_word_is_seen_with_its_neighbours_of_the_sentence_alone() -> None:
    first, _, last = features(["Porto", "is", "wet-7"])
    assert {"0:word=porto", "0:shape=Xx", "1:word=is", "2:word=wet-7", "-1:outside"} <= set(first)
    assert {"prefix=port", "suffix=o"} <= set(first)
    assert {"0:shape=x-0", "-2:word=porto", "1:outside", "2:outside"} <= set(last)
    assert features([]) == []


def test_a_tagger_that_fails_is_an_error(tmp_path: Path, tiny_artifact: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "no memory" >&2\nexit 1\n')
    broken.chmod(0o755)
    file = conll(9, tmp_path / "train.conll")
    with pytest.raises(JobError, match=r"crfsuite_tagger\.py failed in .*: no memory"):
        run(
            [
                *(f"--train={file}", f"--data={file}", f"--model={tiny_artifact}"),
                f"--crf_python={broken}",
            ]
        )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--repeats=0"], "--repeats is 0, expected at least 1"),
        (["--data={documents}"], "--data {documents} holds no labelled tokens, which all taggers"),
        (["--spacy_python=/no/python"], "--spacy_python /no/python: No such file or directory"),
        (["--crf_python=/bin/false"], "--crf_python /bin/false cannot import pycrfsuite"),
        (["--json={train}"], "--json"),
        (["--modle=m"], "unknown flag --modle, did you mean --model?"),
    ],
)
def test_a_mistake_is_one_sentence(
    flags: list[str], message: str, tmp_path: Path, tiny_artifact: Path
) -> None:
    train, documents = conll(9, tmp_path / "train.conll"), tmp_path / "d.jsonl"
    documents.write_text('{"text": "Eva left.", "entities": [[0, 3, "per"]]}\n')
    names = {"train": train, "documents": documents}
    given = [flag.format(**names) for flag in flags]
    if not any(flag.startswith("--data") for flag in flags):
        given.append(f"--data={train}")
    with pytest.raises(UsageError) as refused:
        run([*given, f"--train={train}", f"--model={tiny_artifact}"])
    assert str(refused.value).startswith(message.format(**names))


def test_the_table_and_the_chart_name_each_tagger() -> None:
    row = ScoreRow.of_counts(8, 10, 9)
    measured = [Measured("gleaner, m@1", row, 1_234_567.0), Measured("a & b 1", row, 99.4, 61.2)]
    assert table(measured).splitlines() == [
        "                     F1  precision     recall   tokens/s trained in",
        "gleaner, m@1     0.8421     0.8000     0.8889  1,234,567          -",
        "a & b 1          0.8421     0.8000     0.8889         99       61 s",
    ]
    drawn = chart(measured)
    assert "gleaner, m@1" in drawn
    assert "a &amp; b 1" in drawn
    assert drawn == chart(measured)

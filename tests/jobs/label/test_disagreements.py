"""Passages where lists and model disagree come first, and are spread over terms."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.label.__main__ import run
from jobs.label.disagreements import choose_disagreements
from jobs.label.passages import Passage
from model.gazetteer.lists import gazetteer_of
from model.gazetteer.matching import Gazetteer
from model.runtime import start_tensorflow
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from pipeline.run import run as extract
from schemas.errors import UsageError
from schemas.records import Document
from tests.jobs.label.exports import json_lines

NAMES = ("Maria", "Zoë", "Ben", "Cem", "Dora", "Finn", "Gus", "Ida")
TEXTS = [
    f"{name} met {other} in {place} on Monday {place}."
    for name, other, place in zip(
        NAMES * 3,
        (NAMES[1:] + NAMES[:1]) * 3,
        map("{0}{0}ville".format, "abcdefghijklmnopqrstuvwx"),
        strict=True,
    )
]
Found = list[tuple[str, str]]


@pytest.fixture(scope="module", autouse=True)
def _tensorflow() -> None:
    start_tensorflow()


def found_by(model: Artifact, texts: Sequence[str]) -> list[Found]:
    """Text and label of what the model finds in each text."""
    cut = (tokenize_document(Document("", "", 0, text), model.segmentation) for text in texts)
    return [
        [
            (tagged.document.text[start:end], label)
            for start, end, label in zip(
                tagged.start_char.tolist(), tagged.end_char.tolist(), tagged.labels, strict=True
            )
        ]
        for tagged in tag_documents(Tagger(model), cut)
    ]


def list_of(model: Artifact, rows: Sequence[dict[str, str]]) -> Gazetteer:
    return gazetteer_of({"l.jsonl": "\n".join(map(json.dumps, rows)).encode()}, model.segmentation)[
        0
    ]


@pytest.fixture(scope="module")
def terms(tiny_model: Artifact) -> list[str]:
    """Three texts of entities that stand in several passages, and never alike to each other."""
    counts = Counter(text for found in found_by(tiny_model, TEXTS) for text, _ in found)
    several = [text for text, count in counts.items() if 1 < count < len(TEXTS) / 2]
    apart = [a for a in several if not any(a != b and (a in b or b in a) for b in several)]
    assert len(apart) >= 3
    return apart[:3]


@pytest.mark.parametrize("policy", ["add", "override"])
def test_disagreements_come_first_then_doubt(
    tiny_model: Artifact, terms: list[str], policy: str
) -> None:
    rows = [{"term": term, "label": "product", "policy": policy, "case": "exact"} for term in terms]
    lists = list_of(tiny_model, rows)
    tagger = Tagger(tiny_model, gazetteer=lists)
    passages = [Passage(text, "d", "s", 0, tuple(text.split()), n) for n, text in enumerate(TEXTS)]
    # As words, as the model's segmentation has them here.
    disagreeing = {
        text
        for text, found in zip(TEXTS, found_by(tiny_model, TEXTS), strict=True)
        if any(term in f" {text} " and _overlap(text, term, found) for term in terms)
    }
    chosen, first = choose_disagreements(tagger, lists, passages, 20, 0)
    assert 0 < first <= len(disagreeing)
    assert {each.passage.text for each in chosen[:first]} <= disagreeing
    texts = [each.passage.text for each in chosen]
    assert len(set(texts)) == len(texts) == 20
    few, count = choose_disagreements(tagger, lists, passages, 3, 0)
    assert count == 3
    # Of three, each has a term of its own, where no passage has several.
    shown = [frozenset(t for t in terms if t in each.passage.text) for each in few]
    assert frozenset().union(*shown) == set(terms)


def _overlap(text: str, term: str, found: Found) -> bool:
    """Whether an entity of the model covers some of the term; what it finds is unique in a text."""
    start = text.index(term)
    return any(
        text.index(entity) < start + len(term) and start < text.index(entity) + len(entity)
        for entity, _ in found
    )


@pytest.mark.usefixtures("kept_taggers")
def test_what_is_shown_is_what_model_and_lists_say_together(
    tiny_artifact: Path, tiny_model: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a run, in which lists found what has no confidence."""
    [entities] = found_by(tiny_model, TEXTS[:1])
    term = entities[0][0]
    (tmp_path / "a.txt").write_text(TEXTS[0])
    (tmp_path / "l.csv").write_text(f"term,label,policy\n{term},product,override\n")
    flags = [f"--output={tmp_path}/out", f"--model={tiny_artifact}"]
    lists = f"--gazetteer={tmp_path}/l.csv"
    assert extract([f"--input={tmp_path}/a.txt", *flags, lists]) == 0
    for task_format in ("jsonl", "label-studio"):
        own = [*flags, lists, f"--to={tmp_path}/{task_format}", f"--format={task_format}"]
        assert run(["select", *own, "--disagreements"]) == 0
    shown, told = capsys.readouterr()
    assert re.search(r"spans? shown in them, by \S+@\w+ and lists: ", shown)
    assert "there is 1 passage where lists and model disagree" in told
    [line] = json_lines((tmp_path / "jsonl").read_text("utf-8"))
    assert (term, "product") in [(each["text"], each["label"]) for each in line["entities"]]
    [task] = json.loads((tmp_path / "label-studio").read_text("utf-8"))
    scores = {
        result["value"]["text"]: result.get("score") for result in task["predictions"][0]["result"]
    }
    assert scores.pop(term) is None
    assert None not in scores.values()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output=o", "--disagreements"], "--disagreements are those of lists with the model"),
        (["--input=i", "--seed_labels=t", "--gazetteer=g"], "without a model: leave out --gazet"),
    ],
)
def test_lists_go_with_a_model(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(["select", "--to=no", "--format=jsonl", *flags])

"""How sure a teacher is, as files say it; and that gold says no such thing."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.corpora import read_labelled
from model.corpora.records import Certainty, LabelledDocument
from schemas.errors import CorpusError

TEXT = "🚢 Maria left Porto."
MARIA: dict[str, Any] = {"start": 2, "end": 7, "label": "per"}
PORTO: dict[str, Any] = {"start": 13, "end": 18, "label": "geo"}


def read(tmp_path: Path, *documents: dict[str, Any], **more: Any) -> tuple[LabelledDocument, ...]:
    file = tmp_path / "labels.jsonl"
    lines = (json.dumps({"text": TEXT, "entities": [MARIA, PORTO], **each}) for each in documents)
    file.write_text("\n".join(lines) + "\n")
    return read_labelled(file, **{"silver": True, **more}).documents


@pytest.mark.parametrize("key", ["score", "weight", "confidence"])
def test_a_span_or_a_document_has_a_certainty(tmp_path: Path, key: str) -> None:
    [sure, of_span, of_text, both] = read(
        tmp_path,
        {},
        {"entities": [{**MARIA, key: 0.25}, PORTO]},
        {key: 0.5},
        {key: 0.5, "entities": [{**MARIA, key: 1}, PORTO]},
    )
    assert sure.certainty is None
    assert of_span.certainty == Certainty((0.25, 1.0))
    assert of_text.certainty == Certainty((0.5, 0.5), 0.5)
    assert both.certainty == Certainty((1.0, 0.5), 0.5)


def test_a_document_says_where_it_was_read(tmp_path: Path) -> None:
    [spans_alone, in_part, all_of_it] = read(
        tmp_path, {"partial": True}, {"read": [[0, 8], [9, 12]]}, {"partial": False}
    )
    assert spans_alone.certainty == Certainty((1.0, 1.0), read=())
    assert in_part.certainty == Certainty((1.0, 1.0), read=((0, 8), (9, 12)))
    assert all_of_it.certainty is None


def test_parts_count_as_spans_do(tmp_path: Path) -> None:
    shifted = [
        {**each, "start": each["start"] + 1, "end": each["end"] + 1} for each in (MARIA, PORTO)
    ]
    utf16 = {"entities": shifted, "read": [[0, 9]]}
    [document] = read(tmp_path, utf16, offsets="utf16")
    assert document.certainty == Certainty((1.0, 1.0), read=((0, 8),))


@pytest.mark.parametrize("score", [1.01, -0.1, float("nan"), "high", True, [1]])
def test_a_score_that_is_no_share_is_refused_by_line(tmp_path: Path, score: object) -> None:
    with pytest.raises(
        CorpusError, match=r"labels.jsonl:2: 'score' should be a number from 0 to 1"
    ):
        read(tmp_path, {}, {"entities": [{**MARIA, "score": score}]})


@pytest.mark.parametrize("parts", [[[0]], [[0, 1, 2]], "all", [3], {}])
def test_parts_that_are_no_pairs_are_refused(tmp_path: Path, parts: object) -> None:
    with pytest.raises(CorpusError, match=r"labels.jsonl:1: 'read' should hold pairs"):
        read(tmp_path, {"read": parts})


def test_partial_is_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=":1: 'partial' should be true or false, found 'yes'"):
        read(tmp_path, {"partial": "yes"})


def test_a_part_outside_the_text_is_told(tmp_path: Path) -> None:
    documents = read(tmp_path, {}, {"read": [[0, 99]]})
    assert len(documents) == 1


@pytest.mark.parametrize("keys", [{"partial": True}, {"read": [[0, 8]]}, {"read": []}])
def test_gold_is_read_in_full_or_refused(tmp_path: Path, keys: dict[str, Any]) -> None:
    with pytest.raises(
        CorpusError, match=r":2: by '(partial|read)' .* give the file with --silver"
    ):
        read(tmp_path, {}, keys, silver=False)


def test_other_keys_of_gold_of_these_names_are_as_they_were(tmp_path: Path) -> None:
    others = {"read": True, "partial": "no", "score": "high", "weight": 12}
    [document] = read(tmp_path, others, silver=False)
    assert document.certainty is None
    assert len(document.entities) == 2


def test_a_document_whose_offsets_are_wrong_is_left_out_and_named(tmp_path: Path) -> None:
    """Nothing tells how much more of it is wrong."""
    file = tmp_path / "labels.jsonl"
    wrong = {"text": "Rui stayed.", "entities": [{"start": 0, "end": 40, "label": "per"}]}
    right = {"text": TEXT, "entities": [MARIA]}
    file.write_text(f"{json.dumps(right)}\n{json.dumps(wrong)}\n")
    corpus = read_labelled(file, silver=True)
    assert [each.text for each in corpus.documents] == [TEXT]
    [remark] = corpus.remarks
    assert "1 documents with a span that does not fit their text" in remark.text
    assert remark.places[0].startswith(f"{file}:2: the entity [0, 40) is empty or outside")
    with pytest.raises(CorpusError, match="outside the text"):
        read_labelled(file)


def test_a_span_that_covers_another_text_than_it_says_is_not_believed(tmp_path: Path) -> None:
    [document] = read(tmp_path, {"entities": [{**MARIA, "text": "Porto"}, PORTO]})
    assert document.certainty == Certainty((0.0, 1.0))

"""A set labelled by people with their usual mistakes is checked alike, whichever tool exported it.

Of forty documents one has a span with a blank, one a span that cuts a word, one spans that overlap,
and one a label misspelt. All begin with a character that has two units in UTF-16.
"""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.train.__main__ import run
from jobs.train.data.parts import read_parts
from jobs.train.flags import training_parser
from model.corpora import LabelledSentence


class Labelled(NamedTuple):
    start: int
    end: int
    label: str


class Text(NamedTuple):
    text: str
    spans: Sequence[Labelled]


def labelled(number: int) -> Text:
    name, place = ("Ada", "Bo", "Cy")[number % 3], ("Oban", "Iona", "Port Ness")[number % 3]
    text = f"🚢 {name} saw {number} ships off {place} today."
    start = text.index(place)
    person, location = Labelled(2, 2 + len(name), "per"), Labelled(start, start + len(place), "geo")
    spans = {
        7: [person, location._replace(end=location.end + 1)],
        11: [person, location._replace(end=location.end - 1)],
        13: [person, location, Labelled(start, start + len(place) + 6, "time")],
        17: [person._replace(label="prr"), location],
    }
    return Text(text, spans.get(number, [person, location]))


TEXTS = [labelled(number) for number in range(40)]


def in_utf16(text: str, span: Labelled) -> Labelled:
    start, end = (len(text[:offset].encode("utf-16-le")) // 2 for offset in span[:2])
    return Labelled(start, end, span.label)


def doccano(texts: Sequence[Text]) -> str:
    lines = (
        {"id": n, "text": text, "label": [in_utf16(text, span) for span in spans], "Comments": []}
        for n, (text, spans) in enumerate(texts)
    )
    return "\n".join(json.dumps(line) for line in lines)


def label_studio(texts: Sequence[Text]) -> str:
    def result(text: str, span: Labelled) -> dict[str, Any]:
        start, end, label = in_utf16(text, span)
        covered = text[span.start : span.end]
        value = {"start": start, "end": end, "text": covered, "labels": [label]}
        return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}

    tasks = [
        {
            "id": n,
            "data": {"text": text},
            "annotations": [
                {"result": [result(text, span) for span in spans], "was_cancelled": False}
            ],
        }
        for n, (text, spans) in enumerate(texts)
    ]
    return json.dumps(tasks, indent=2)


def json_min(texts: Sequence[Text]) -> str:
    tasks = json.loads(label_studio(texts))
    items = [
        {
            "id": task["id"],
            "text": task["data"]["text"],
            "label": [result["value"] for result in task["annotations"][0]["result"]],
            "annotation_id": task["id"],
        }
        for task in tasks
    ]
    return json.dumps(items)


def prodigy(texts: Sequence[Text]) -> str:
    lines = (
        {
            "text": text,
            "_input_hash": n,
            "spans": [span._asdict() for span in spans],
            "answer": "accept",
        }
        for n, (text, spans) in enumerate(texts)
    )
    return "\n".join(json.dumps(line) for line in lines)


def spacy(texts: Sequence[Text]) -> str:
    return json.dumps([[text, {"entities": spans}] for text, spans in texts], indent=1)


def own(texts: Sequence[Text]) -> str:
    lines = (
        {"id": n, "text": text, "entities": [span._asdict() for span in spans]}
        for n, (text, spans) in enumerate(texts)
    )
    return "\n".join(json.dumps(line) for line in lines)


Write = Callable[[Sequence[Text]], str]
EXPORTS: Sequence[Write] = (own, doccano, label_studio, json_min, prodigy, spacy)


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sentences(path: str, *flags: str) -> list[tuple[Sequence[str], Sequence[str]]]:
    flags = (f"--train={path}", f"--dev={path}", *flags)
    found: Sequence[LabelledSentence] = read_parts(training_parser().parse(flags)).train
    return [(sentence.words, sentence.tags) for sentence in found]


@pytest.mark.parametrize("write", EXPORTS)
def test_the_mistakes_of_people_are_told_in_every_export(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("set").write_text(write(TEXTS))
    assert run(["--check", "--train=set", "--mistakes=9"]) == 0
    told = capsys.readouterr().out
    for warning in (
        "- spans of set that begin or end with a blank are read without it, 1 in all\n    set:",
        "- 2 spans of set are not whole tokens of one sentence",
        "begins or ends within a token or a blank; tagged: 'Port Ness'\n",
        "geo 'Iona' overlaps a span that is tagged instead\n",
        "- the label prr (1) looks like a slip for per (39)",
    ):
        assert warning in told


@pytest.mark.parametrize("write", EXPORTS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_export_trains_on_the_same_sentences(write: Write, packed: bool) -> None:
    Path("own").write_text(own(TEXTS))
    content = write(TEXTS).encode()
    Path("set").write_bytes(gzip.compress(content) if packed else content)
    assert sentences("set") == sentences("own")


def test_offsets_may_be_said_and_then_nothing_is_found_out() -> None:
    Path("set").write_text(doccano(TEXTS))
    assert sentences("set", "--offsets=utf16") == sentences("set")
    assert sentences("set", "--offsets=codepoints") != sentences("set")


def test_files_of_tags_tell_a_label_misspelt_once(capsys: pytest.CaptureFixture[str]) -> None:
    """And read alike: lists of words and tags in JSON lines and Parquet, spaCy's JSON, CoNLL."""
    Path("own").write_text(own(TEXTS))
    cut = sentences("own")
    rows = [{"tokens": list(words), "ner_tags": list(tags)} for words, tags in cut]
    pq.write_table(pa.Table.from_pylist(rows), "set.parquet")
    Path("set.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    conll, documents = io.StringIO(), []
    conll.write("-DOCSTART- -X- o\n\n# made by hand\n")
    for words, tags in cut:
        spelt = [tag.lower()[:2] + tag[2:] for tag in tags]
        conll.writelines(f"{word} NN {tag}\n" for word, tag in zip(words, spelt, strict=True))
        conll.write("\n")
        tokens = [{"orth": word, "ner": tag} for word, tag in zip(words, tags, strict=True)]
        documents.append({"paragraphs": [{"sentences": [{"tokens": tokens}]}]})
    Path("set.conll").write_text(conll.getvalue())
    Path("set.json").write_text(json.dumps(documents))
    for path in ("set.parquet", "set.jsonl", "set.conll", "set.json"):
        assert sentences(path) == cut
        assert run(["--check", f"--train={path}"]) == 0
        assert "- the label prr (1) looks like a slip for per (39)" in capsys.readouterr().out

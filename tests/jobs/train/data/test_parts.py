"""Every labelled format and tag scheme is read into the same parts."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.train.data.parts import Parts, read_parts
from jobs.train.flags import training_parser
from model.corpora import LabelledSentence
from schemas.errors import UsageError

# Two entities of a label that touch, one of three tokens, one at the end.
SENTENCES = [
    (
        ("Ada", "Bo", "left", "Port", "of", "Ness", "."),
        ("B-per", "B-per", "O", "B-geo", "I-geo", "I-geo", "O"),
    ),
    (("None", "saw", "Bo", "Lowe"), ("O", "O", "B-per", "I-per")),
]
SCHEMES = {
    "IOB1": ["I-per B-per O I-geo I-geo I-geo O", "O O I-per I-per"],
    "IOB2": ["B-per B-per O B-geo I-geo I-geo O", "O O B-per I-per"],
    "BIOES": ["S-per S-per O B-geo I-geo E-geo O", "O O B-per E-per"],
    "BMES": ["S-per S-per O B-geo M-geo E-geo O", "O O B-per E-per"],
    "BILOU": ["U-per U-per O B-geo I-geo L-geo O", "O O B-per L-per"],
}


def kaggle(tags: Sequence[str]) -> str:
    rows = [
        f"Sentence: {n},{word},X,{tag}"
        for n, ((words, _), line) in enumerate(zip(SENTENCES, tags, strict=True))
        for word, tag in zip(words, line.split(), strict=True)
    ]
    return "\n".join(["Sentence #,Word,POS,Tag", *rows, ""])


def columns(tags: Sequence[str], row: str) -> str:
    return "\n\n".join(
        "\n".join(
            row.format(n=n, word=word, tag=tag)
            for n, (word, tag) in enumerate(zip(words, line.split(), strict=True), 1)
        )
        for (words, _), line in zip(SENTENCES, tags, strict=True)
    )


def parts(*flags: str) -> Parts:
    return read_parts(training_parser().parse(flags))


def pairs(sentences: Sequence[LabelledSentence]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(sentence.words, sentence.tags) for sentence in sentences]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "file_format", ["kaggle", "{word} {tag}", "{word}\tX\tY\t{tag}", "{n}\t{word}\t{tag}\t-\t-"]
)
def test_every_format_is_trained_from_in_every_scheme(
    tmp_path: Path, scheme: str, file_format: str
) -> None:
    """And none of its tags is called illegal."""
    if file_format == "kaggle":
        pytest.importorskip("pandas")
    tags = SCHEMES[scheme]
    path = tmp_path / "file"
    path.write_text(kaggle(tags) if file_format == "kaggle" else columns(tags, file_format))
    found = parts(f"--train={path}", f"--dev={path}", f"--test={path}")
    for part in (found.train, found.dev, found.test):
        assert pairs(part) == SENTENCES
    for report in found.report.parts:
        assert report.source is not None
        assert report.source.scheme == (scheme if scheme.startswith("IOB") else "BIOES")
        assert report.source.illegal_tags == ()
        assert report.entities == {"per": 3, "geo": 1}


def entity(text: str, mention: str, label: str) -> dict[str, object]:
    start = text.index(mention)
    return {"start": start, "end": start + len(mention), "label": label}


TEXT = "Ada and Bo left Port of Ness.  None saw Bo-Lowe 🚢!"
SPANS = [("Ada", "per"), ("Port of Ness", "geo"), ("Bo-Lowe", "per"), ("🚢", "art")]


def documents(path: Path, *texts: str) -> Path:
    lines = [
        {"id": n, "text": text, "entities": [entity(text, *s) for s in SPANS if s[0] in text]}
        for n, text in enumerate(texts)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_documents_are_trained_from_as_extraction_cuts_them(tmp_path: Path) -> None:
    path = documents(tmp_path / "file", TEXT)
    files = (f"--train={path}", f"--dev={path}", f"--test={path}")
    whole = parts(*files)
    assert whole.segmentation.tokens == "whole"
    assert whole.train[1].words == ("None", "saw", "Bo-Lowe", "🚢", "!")
    found = parts(*files, "--tokens=fine")
    for part in (found.train, found.dev, found.test):
        assert [" ".join(sentence.words) for sentence in part] == [
            "Ada and Bo left Port of Ness .",
            "None saw Bo - Lowe 🚢 !",
        ]
        assert [" ".join(sentence.tags) for sentence in part] == [
            "B-per O O O B-geo I-geo I-geo O",
            "O O B-per I-per I-per B-art O",
        ]
    assert all(part.source and not part.source.misfits for part in found.report.parts)


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("english", "--language english, expected a code such as en, of a language that has rules"),
        ("xx", "--language xx, expected a code such as en"),
        ("", "--language is empty: it needs a value"),
        ("deu", "--language deu, expected a code such as de"),
    ],
)
def test_a_language_without_rules_is_refused(language: str, message: str, tmp_path: Path) -> None:
    """Before the file is read."""
    with pytest.raises(UsageError, match=f"^{message}"):
        parts(f"--train={tmp_path}/none", f"--language={language}")


def test_a_language_is_taken_in_any_case_and_region(tmp_path: Path) -> None:
    path = documents(tmp_path / "file", TEXT)
    for language, code in (("EN-gb", "en"), ("pt_BR", "pt")):
        found = parts(f"--train={path}", f"--dev={path}", f"--language={language}")
        assert found.segmentation.language == code
        assert found.segmentation.tokens == {"en": "whole", "pt": "fine"}[code]


def test_the_language_of_the_sentence_rules_is_that_of_the_run(tmp_path: Path) -> None:
    path = documents(tmp_path / "file", "Ada kam am 3. Mai an. Bo blieb.")
    by_language = {
        language: [
            " ".join(sentence.words)
            for sentence in parts(
                f"--train={path}", f"--dev={path}", f"--language={language}"
            ).train
        ]
        for language in ("en", "de")
    }
    assert by_language["de"] == ["Ada kam am 3 . Mai an .", "Bo blieb ."]
    assert by_language["en"] != by_language["de"]


def test_a_split_keeps_documents_whole(tmp_path: Path) -> None:
    texts = [f"Ada left {n}. Bo stayed {n}. Nobody came {n}." for n in range(20)]
    path = documents(tmp_path / "file", *texts)
    for seed in range(3):
        found = parts(f"--train={path}", "--validation_split=0.25", f"--seed={seed}")
        assert (len(found.train), len(found.dev)) == (45, 15)
        numbers = [{sentence.words[-2] for sentence in part} for part in (found.train, found.dev)]
        assert numbers[0].isdisjoint(numbers[1])
        origin = found.report.parts[1].origin
        assert origin == f"25% of {path}, apart by text"


def test_spans_that_fit_no_tokens_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "file"
    spans = [entity(TEXT, "Ad", "per"), entity(TEXT, "Ada and", "per"), entity(TEXT, " ", "geo")]
    path.write_text(json.dumps({"id": "x", "text": TEXT, "entities": spans}))
    report = parts(f"--train={path}", f"--dev={path}").report
    assert report.train.source is not None
    kinds = [(misfit.kind, misfit.tagged) for misfit in report.train.source.misfits]
    assert kinds == [("overlap", ()), ("blank", ())]

"""Every labelled format and tag scheme is read into the same parts; `--check` reports on them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.train.__main__ import run
from jobs.train.flags import training_parser
from jobs.train.parts import Parts, check_parts, read_parts
from model.corpora import LabelledSentence
from model.host.installation import install_command
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


# ---------------------------------------------------------------- --check


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the working directory, with two sound CoNLL files of different sentences."""
    monkeypatch.chdir(tmp_path)
    for name, verb in (("train", "left"), ("dev", "reached")):
        blocks = [f"Ada{n} B-per\n{verb} O\nOban B-geo\n. O\n" for n in range(30)]
        (tmp_path / f"{name}.conll").write_text("\n".join(blocks))
    return tmp_path


def test_check_prints_the_report_and_writes_nothing(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(toy.rglob("*"))
    assert run(["--check", "--train=train.conll", "--dev=dev.conll"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("data\n  train  train.conll  CoNLL, IOB2, UTF-8\n  dev    dev.conll    ")
    assert "warnings" not in told
    assert run(["--check", "--train=train.conll", "--output=new"]) == 0
    assert sorted(toy.rglob("*")) == before


def test_check_tells_all_that_is_odd_in_one_go(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of warning once, and exit code 0."""
    train = (toy / "train.conll").read_text()
    odd = "Mull I-geo\nrose O\n\nIona B-GEO\nfell O\n\nIona B-GEO\nfell O\n\n" + "x O\n" * 600
    repeats = "Ada0 B-per\nleft O\nOban B-geo\n. O\n\n" * 2
    (toy / "odd.conll").write_text(f"{train}\n{odd}\n{repeats}")
    (toy / "dev.conll").write_text("Skye B-isle\nrose O\n\nMull B-geo\nrose O\n")
    documents(toy / "test.jsonl", "Ada stayed with Port of Ness. Bo left.")
    lines = json.loads((toy / "test.jsonl").read_text())
    lines["entities"].append({"start": 4, "end": 7, "label": "per"})
    (toy / "test.jsonl").write_text(json.dumps(lines))
    assert (
        run(["--check", "--train=odd.conll", "--dev=dev.conll", "--test=test.jsonl", "--seed=1"])
        == 0
    )
    told = capsys.readouterr().out
    for warning in (
        "- 1 tag of odd.conll is illegal in IOB2",
        "    odd.conll:151: I-geo at the start of a sentence",
        "- 1 span of test.jsonl is not whole tokens of one sentence",
        (
            "    test.jsonl:1: 0 [4, 7) per 'sta' begins or ends within a token or a blank; "
            "tagged: 'stayed'"
        ),
        "- train lacks labels of dev, isle (1)",
        "- the label GEO (2) looks like a slip for geo (35)",
        "- train has fewer than 20 spans of GEO (2)",
        "- 1 of 2 sentences of dev (50.0%) stand in train too",
        "- 3 of 36 sentences of train (8.3%) repeat an earlier one",
        "- the longest sentence of train at line 160 has 600 tokens",
    ):
        assert f"\n{warning}" in told


def test_of_many_places_the_first_are_listed_and_all_where_asked(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    illegal = "".join(f"Mull{n} I-geo\nrose O\n\n" for n in range(30))
    (toy / "odd.conll").write_text("Ada B-per\n\n" + illegal)
    files = ("--check", "--train=odd.conll", "--dev=dev.conll")
    assert run(files) == 0
    told = capsys.readouterr().out
    assert told.count("\n    odd.conll:") == 5
    assert "\n    and 25 more (--mistakes 30 lists all)\n" in told
    assert run([*files, "--mistakes=30"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n    odd.conll:") == 30
    assert "lists all" not in told


def test_check_names_all_mistakes_of_all_files_the_gravest_first(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In few lines, however many there are; the error is about the first of them."""
    rows = [f"Ada{n} B-per\nleft x O\n B-per\nOban geo\n\n" for n in range(5000)]
    (toy / "bad.conll").write_text("Ada O\n" + "".join(rows))
    (toy / "bad.jsonl").write_text('{"id": 1, "text": "Ada", "label": [[0, 9, "per"]]}\n[]')
    files = ("--train=bad.conll", "--dev=bad.jsonl", "--test=gone.conll")
    with pytest.raises(UsageError) as caught:
        run(["--check", *files])
    assert str(caught.value) == (
        "bad.conll:3: 3 columns, expected 2 as in line 1 (and 14,999 more mistakes) "
        "(and 2 files more)"
    )
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if not line.startswith("    ")] == [
        "mistakes",
        "- bad.conll: 10,000 rows of another shape",
        "- bad.conll: 5,000 tags that are none",
        "- bad.jsonl: 1 rows of another shape",
        "- bad.jsonl: 1 entities that cannot be in their text",
        "- gone.conll: cannot be read: No such file or directory",
    ]
    assert len(told) <= 20
    assert "    and 9,995 more (--mistakes 10000 lists all)" in told
    assert "    bad.conll:5: 'geo' is not a tag, expected O" in "\n".join(told)


@pytest.mark.training
def test_a_training_names_the_first_mistake_and_how_many_there_are(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / "bad.conll").write_text("Ada O\n" + 5000 * "Ada B-per\nleft x O\n B-per\nOban geo\n\n")
    files = ("--train=bad.conll", "--test=gone.conll")
    with pytest.raises(UsageError, match=r"bad\.conll:3: .* \(and 14,999 more mistakes\)"):
        run(["--output=new", *files])
    assert capsys.readouterr().out == ""


def test_one_mistake_is_told_once(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "bad.conll").write_bytes(b"PK\x03\x04\x00")
    with pytest.raises(UsageError, match="this is a ZIP archive"):
        run(["--check", "--train=bad.conll"])
    assert capsys.readouterr().out == ""


def test_what_its_reader_saw_is_told_of_each_file(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"s{n},Ada{n},B-per\n,left,O\n,Oban,B-geo\n" for n in range(30))
    more = "s3,Bo,B-per\n,left,O\n,Mull,B-geo\n"
    (toy / "twice.csv").write_text(f"Sentence #,Word,Tag\n{rows}sentence #,word,tag\n{more}")
    assert run(["--check", "--train=twice.csv", "--dev=dev.conll"]) == 0
    told = capsys.readouterr().out
    assert "  train  twice.csv  Kaggle CSV, IOB2, UTF-8, 1 more header left out\n" in told
    assert "\n- 1 of 31 sentences of twice.csv have an id that stood before" in told
    assert "\n    twice.csv:93: 's3' stood in line 11 too" in told


def test_why_words_are_whole_is_said_in_the_report_and_for_the_card(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = "".join(f"Ada B-per\nsank O\n{number} O\n\n" for number in range(20))
    (toy / "us.conll").write_text(f"U.S. B-geo\nships O\n\n{many}")
    files = ("--train=us.conll", "--dev=dev.conll")
    check_parts(parts(*files), 5)
    told = "whole words (U.S. stays one token)"
    why = "1 words such as U.S. are whole, 0 cut"
    assert f"\n  tokens: {told}: {why}\n" in capsys.readouterr().out
    assert parts(*files).described()["tokens"] == f"{told}, since {why}"
    assert parts(*files, "--tokens=whole").described()["tokens"] == told


def test_the_report_counts_in_the_tokens_of_the_run(toy: Path) -> None:
    (toy / "us.conll").write_text("U.S. B-geo\nships O\n\nAda B-per\nsank O\n")
    files = ("--train=us.conll", "--dev=dev.conll")
    for flags, tokens in (((), 4), (("--tokens=fine",), 7), (("--language=de",), 7)):
        found = parts(*files, *flags)
        assert found.report.tokens == found.segmentation.tokens
        assert found.report.train.tokens == tokens


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train=train.conll", "--dev=train.conll"], "every sentence of --dev train.conll"),
        (["--train=none.conll", "--dev=dev.conll"], "--train none.conll holds no entity"),
        (["--train=train.conll", "--dev=none.conll"], "--dev none.conll holds no entity"),
        (["--train=train.conll", "--dev=ship.conll"], "--dev ship.conll holds none of the labels"),
        (["--train=train.conll", "--dev=blank.jsonl"], "--dev blank.jsonl holds no sentence: it"),
        (["--train=ship.conll"], "--train ship.conll holds too few sentences to split"),
        (
            ["--train=ship.conll", "--dev=ship.conll"],
            "--train ship.conll holds 1 entity, too few to learn from: label at least 20",
        ),
        (["--train=gone.conll"], "gone.conll: cannot be read"),
        (["--train=train.conll", "--validation_split=0"], "--validation_split is 0.0, expected"),
        (["--train=train.conll", "--epochs=0"], "--epochs is 0"),
    ],
)
def test_check_ends_with_one_sentence_where_training_would_be_pointless(
    toy: Path, flags: list[str], message: str
) -> None:
    (toy / "none.conll").write_text("Nobody O\ncame O\n")
    (toy / "blank.jsonl").write_text('{"id": "x", "text": " ", "entities": []}')
    (toy / "ship.conll").write_text("Fram B-ship\nsank O\n")
    with pytest.raises(UsageError) as caught:
        run(["--check", *flags])
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_check_imports_none_of_the_packages_for_training(toy: Path) -> None:
    """Only pandas, and that only for a CSV; all others are not even there."""
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf_keras', 'tensorflow_addons', 'matplotlib',\n"
        "             'apache_beam', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from jobs.train.__main__ import run\n"
        "code = run(['--check', '--train=train.conll', '--dev=dev.conll'])\n"
        "print('exit code', code)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(root)},
    )
    assert done.stdout.endswith("\nexit code 0\n")


def test_the_report_stands_before_training_and_pointless_training_never_starts(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.train.__main__.TRAINING_MODULES", ())
    with pytest.raises(UsageError, match=r"every sentence of --dev train\.conll"):
        run(["--train=train.conll", "--dev=train.conll", "--output=new"])
    assert capsys.readouterr().out.startswith("data\n")
    assert not (toy / "new").exists()


def test_what_training_lacks_is_named_with_what_installs_it(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "jobs.train.__main__.TRAINING_MODULES", ("json", "absent_one", "absent_two")
    )
    with pytest.raises(UsageError) as caught:
        run(["--train=train.conll", "--output=new"])
    message = f"training needs absent_one, absent_two: {install_command('train')}"
    assert (str(caught.value), caught.value.exit_code) == (message, 2)
    assert not (toy / "new").exists()


def test_without_check_an_output_is_needed(toy: Path) -> None:
    with pytest.raises(UsageError, match="the following arguments are required: --output"):
        run(["--train=train.conll"])

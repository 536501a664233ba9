import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.outputs.names import write_names
from pipeline.report.figures import (
    UNKNOWN_BOUNDS,
    Ranking,
    RunFigures,
    TextRanking,
    find_figures,
)
from pipeline.report.reasons import count_reasons
from schemas.errors import JobError
from schemas.records import DeadLetter
from schemas.tables import NAMES
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span

WORDS = ("Oslo", "Bo", "Lisbon", "U.N.", "Ås", "𐐷𐐷", "May")


def made_up(random: random.Random, number: int) -> Made:
    words = random.choices(WORDS, k=random.randint(0, 9))
    spans, place = [], 0
    for word in words:
        if random.random() < 0.7:
            label = random.choice(["geo", "per", "org"])
            # With what falls on the edge of a bin in the precision of the column.
            confidence = random.choice([0.1, 0.3, 0.7, 0.9, 1.0, random.random(), None])
            spans.append(Span(place, place + len(word), label, confidence))
        place += len(word) + 1
    unknown = random.randint(0, len(words))
    return Made(
        f"d{number}", " ".join(words), spans, f"/in/{number % 3}.jsonl", len(words), unknown
    )


@pytest.fixture
def run(make_run: MakeRun) -> MadeRun:
    """Two hundred random documents in several files."""
    chance = random.Random(7)
    letters = [
        DeadLetter("/in/0.jsonl", n, None, "ReadDocuments", "RecordError", f"Field {n} of 'x{n}'.")
        for n in range(5)
    ]
    letters.append(DeadLetter("/in/1.jsonl", None, None, "ReadDocuments", "EOFError", "Broke off."))
    documents = [made_up(chance, number) for number in range(200)]
    return make_run(documents, letters, rows_per_file=4000)


def test_texts_are_ranked_by_the_names_that_stand_for_them(run: MadeRun) -> None:
    """Of the table that `jobs.resolve` made; what it lacks has its own text."""
    plain = find_figures(run.tables).top["geo"].texts
    rows = [
        {
            "surface": surface,
            "label": label,
            "canonical": canonical,
            "group": 1,
            "rule": "",
            "mentions": 1,
            "documents": 1,
        }
        for surface, label, canonical in (
            ("Bo", "geo", "Oslo"),
            ("Oslo", "geo", "Oslo"),
            ("Ås", "per", "Oslo"),
        )
    ]
    write_names(run.storage.root, pa.Table.from_pylist(rows, NAMES), "")
    figures = find_figures(run.tables)
    expected = dict(plain)
    expected["Oslo"] += expected.pop("Bo")
    assert dict(figures.top["geo"].texts) == expected
    assert "Ås" not in dict(figures.top["per"].texts)
    assert "Ås" in dict(figures.top["org"].texts)


def rows_of(run: MadeRun, table: str) -> list[dict[str, Any]]:
    files = run.manifest["tables"][table]["files"]
    return [
        row
        for file in files
        for row in pq.ParquetFile(f"{run.storage.root}/{file['path']}").read().to_pylist()
    ]


def test_figures_are_what_counting_row_by_row_gives(run: MadeRun) -> None:
    assert len(run.manifest["tables"]["entities"]["files"]) > 1
    figures = find_figures(run.tables)
    entities, documents = rows_of(run, "entities"), rows_of(run, "documents")
    by_label: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in entities:
        by_label[row["label"]].append(row)
    assert [label.name for label in figures.labels] == sorted(
        by_label, key=lambda label: (-len(by_label[label]), label)
    )
    for label in figures.labels:
        assert label.count == len(by_label[label.name])
        own = [row["confidence"] for row in by_label[label.name] if row["confidence"] is not None]
        assert label.mean_confidence == pytest.approx(sum(own) / len(own))
        assert label.doubtful == sum(value < 0.5 for value in own)
        texts = Counter(row["text"] for row in by_label[label.name])
        ranked = sorted(texts.items(), key=lambda pair: (-pair[1], pair[0]))[:10]
        assert figures.top[label.name] == Ranking(tuple(ranked))
    assert sum(figures.bins) == sum(row["confidence"] is not None for row in entities)
    assert figures.without_entities == sum(row["entities"] == 0 for row in documents)
    shares = [row["unknown_tokens"] / row["tokens"] for row in documents if row["tokens"]]
    assert figures.unknown == tuple(
        sum(low <= share and (high is None or share < high) for share in shares)
        for low, high in zip(UNKNOWN_BOUNDS, (*UNKNOWN_BOUNDS[1:], None), strict=True)
    )


def test_what_lists_alone_found_is_counted_and_in_no_bin_of_confidence(make_run: MakeRun) -> None:
    figures = find_figures(make_run([Made("d", "Bo", [Span(0, 2, confidence=None)])]).tables)
    [label] = figures.labels
    assert (label.count, label.mean_confidence, sum(label.bins)) == (1, None, 0)
    assert figures.top == {"per": Ranking((("Bo", 1),))}


def test_figures_are_those_of_the_manifest(run: MadeRun) -> None:
    figures, counts = find_figures(run.tables), run.manifest["counts"]
    assert {label.name: label.count for label in figures.labels} == counts["entities_by_label"]
    letters = sum(number for reason, number in figures.reasons.ranked() if not reason.is_shard)
    assert letters == counts["dead_letters"]


def test_a_confidence_on_the_edge_of_a_bin_is_where_the_baseline_has_it(make_run: MakeRun) -> None:
    spans = [Span(n, n + 1, confidence=value) for n, value in enumerate((0.0, 0.3, 0.7, 0.9, 1.0))]
    figures = find_figures(make_run([Made("d", "abcde", spans)]).tables)
    assert figures.bins == (1, 0, 0, 1, 0, 0, 0, 1, 0, 2)


def test_dead_letters_that_differ_in_numbers_and_names_have_one_reason(run: MadeRun) -> None:
    reasons = find_figures(run.tables).reasons.ranked()
    told = [(reason.message, reason.error, reason.is_shard, count) for reason, count in reasons]
    assert told == [
        ("Field N of '…'.", "RecordError", False, 5),
        ("Broke off.", "EOFError", True, 1),
    ]


def test_a_reason_says_which_field_it_is_about() -> None:
    """Its name is that of a flag; other words in quotes are of one record."""
    told = {
        "The text field 'a 2' is missing or null.": "The text field 'a 2' is missing or null.",
        "The id field 'k' holds a 'b 2',\n1.": "The id field 'k' holds a '…',\nN.",
        "Of 'k 2': The text field 'b' is 1.": "Of '…': The text field '…' is N.",
        "The text field '" + "2" * 300: "The text field 'N",
    }
    batch = pa.RecordBatch.from_pydict(
        {
            "stage": ["ReadDocuments"] * len(told),
            "error": ["RecordError"] * len(told),
            "message": list(told),
            "record": range(len(told)),
        }
    )
    assert [reason.message for reason in count_reasons([batch]).counts] == list(told.values())


def test_reasons_that_are_all_different_are_counted_in_bounded_memory() -> None:
    letters = 30_000
    names = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(letters)]
    batch = pa.RecordBatch.from_pydict(
        {
            "stage": ["S"] * (letters + 50),
            "error": ["E"] * (letters + 50),
            "message": [*names, *["the one that matters"] * 50],
            "record": [0] * (letters + 50),
        }
    )
    parts = (batch.slice(start, 1000) for start in range(0, len(batch), 1000))
    reasons = count_reasons(parts)
    (first, count), *others = reasons.ranked()
    assert (first.message, count) == ("the one that matters", 50)
    assert len(others) < 10_000
    assert sum(count for _, count in reasons.ranked()) + reasons.further == letters + 50


def pairs(chance: random.Random, rows: int) -> list[tuple[str, str]]:
    """Few frequent texts and many rare ones."""
    labels = chance.choices(["geo", "per", "rare"], [10, 10, 1], k=rows)
    return [(label, f"{label}{int(chance.paretovariate(0.4))}") for label in labels]


def ranked(rows: list[tuple[str, str]], room: int) -> dict[str, Ranking]:
    ranking = TextRanking(room)
    parts = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    columns = [
        (pa.array([label for label, _ in part]), pa.array([text for _, text in part]))
        for part in parts
    ]
    for labels, texts in columns:
        ranking.add(labels, texts)
    return ranking.top(["geo", "per", "rare"], 5, lambda: columns)


@pytest.mark.parametrize("room", [150, 100_000])
def test_a_ranking_is_exact_however_little_room_it_has(room: int) -> None:
    rows = pairs(random.Random(5), 8000)
    assert len(set(rows)) > 1000
    for label, ranking in ranked(rows, room).items():
        texts = Counter(text for own, text in rows if own == label)
        expected = sorted(texts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
        assert ranking.is_certain
        assert list(ranking.texts) == expected


def test_a_ranking_that_may_lack_texts_says_so() -> None:
    """Every text is there twice, and most were dropped between."""
    rows = [("geo", f"t{number}") for number in range(3000)] * 2
    ranking = ranked([*rows, ("per", "x"), ("rare", "y")], 150)
    assert not ranking["geo"].is_certain
    assert all(count == 2 for _, count in ranking["geo"].texts)
    assert ranking["per"] == Ranking((("x", 1),))


def test_a_run_without_rows_has_figures(make_run: MakeRun) -> None:
    figures = find_figures(make_run().tables)
    assert figures.labels == ()
    assert isinstance(figures, RunFigures)


def test_a_missing_file_is_named(make_run: MakeRun) -> None:
    run = make_run([Made("d", "Bo", [Span(0, 2)])])
    (file,) = run.manifest["tables"]["entities"]["files"]
    path = Path(run.storage.root, file["path"])
    path.unlink()
    with pytest.raises(JobError, match="cannot be read") as caught:
        find_figures(run.tables)
    assert str(path) in str(caught.value)

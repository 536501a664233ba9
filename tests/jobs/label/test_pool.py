"""The pool: the same at each draw, evenly from all sources, without what is labelled."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from jobs.label.inputs import Source
from jobs.label.passages import Unit
from jobs.label.pool import Pool, draw, labelled_texts
from model.corpora import LabelledCorpus, LabelledDocument, LabelledSentence
from model.text.segmentation import Segmentation
from pipeline.inputs.files import current_fingerprint
from pipeline.inputs.formats import ReadConfig, Record
from schemas.errors import UsageError
from schemas.manifest import Aside
from schemas.records import Document

SEGMENTATION = Segmentation()


def write(path: Path, texts: Iterable[str]) -> Source:
    lines = (json.dumps({"id": f"{path.stem}-{n}", "text": text}) for n, text in enumerate(texts))
    path.write_text("\n".join(lines) + "\n")
    return Source(str(path), ReadConfig(), fingerprint=current_fingerprint(str(path)))


def drawn(
    sources: Sequence[Source],
    size: int = 1000,
    seed: int = 0,
    unit: Unit = "sentence",
    **more: set[str],
) -> Pool:
    labelled = more.get("labelled", set())
    return draw(sources, SEGMENTATION, unit=unit, size=size, seed=seed, labelled=labelled)


def sentences(name: str, count: int) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        f"In {name} they met {letters[n % 26]}{letters[n // 26]} by the river."
        for n in range(count)
    ]


def texts(pool: Pool) -> list[str]:
    return [passage.text for passage in pool.passages]


def test_a_draw_is_the_same_whatever_the_order_of_files_and_records(tmp_path: Path) -> None:
    one, two = sentences("Oslo", 40), sentences("Lima", 40)
    first = [write(tmp_path / "a.jsonl", one), write(tmp_path / "b.jsonl", two)]
    before = texts(drawn(first, size=30))
    again = [write(tmp_path / "b.jsonl", two[::-1]), write(tmp_path / "a.jsonl", one[::-1])]
    assert texts(drawn(again, size=30)) == before
    assert texts(drawn(again, size=30, seed=1)) != before
    assert len(before) == len(set(before)) == 30


def test_sources_take_turns_and_a_small_one_gives_all_that_it_has(tmp_path: Path) -> None:
    sources = [
        write(tmp_path / f"{name}.jsonl", sentences(name, count))
        for name, count in (("Oslo", 500), ("Lima", 300), ("Rome", 5))
    ]
    counts = Counter(Path(p.source).stem for p in drawn(sources, size=65).passages)
    assert counts == {"Oslo": 30, "Lima": 30, "Rome": 5}


def test_a_sentence_is_drawn_with_its_place(tmp_path: Path) -> None:
    text = "  Ana met Ben. Cem left for Lima!\r\n\r\nDora stayed in Oslo."
    pool = drawn([write(tmp_path / "a.jsonl", [text])])
    assert len(pool.passages) == 3
    for passage in pool.passages:
        assert text[passage.start : passage.start + len(passage.text)] == passage.text
        assert (passage.doc_id, passage.source) == ("a-0", str(tmp_path / "a.jsonl"))
    (whole,) = drawn([write(tmp_path / "a.jsonl", [text])], unit="document").passages
    assert (whole.text, whole.start) == (text, 0)


def test_no_text_comes_twice_nor_one_that_is_labelled(tmp_path: Path) -> None:
    """Labelled as a sentence of words, as a document, or within one; blanks do not matter."""
    source = write(
        tmp_path / "a.jsonl",
        [
            "Ana met Ben. Cem  left for Lima.",
            "Ana met Ben.",
            "Dora went home late. Eve saw her there.",
            "Finn reads a book.",
            "Hal sang well. Ida heard it.",
        ],
    )
    words = ("Cem left for Lima .", "Hal sang well . Ida heard it .")  # two sentences in one
    known = LabelledCorpus(
        *("x", "jsonl", None),
        sentences=tuple(LabelledSentence(tuple(w.split()), ("O",) * len(w.split())) for w in words),
        documents=(LabelledDocument("d", "Gus slept. Finn reads  a book.", ()),),
    )
    whole = LabelledDocument("e", "Dora went home late. Eve saw her there.", ())
    for unit, also, left in (
        ("sentence", (), {"Ana met Ben.", "Dora went home late.", "Eve saw her there."}),
        ("sentence", (whole,), {"Ana met Ben."}),
        ("document", (whole,), {"Ana met Ben. Cem  left for Lima.", "Ana met Ben."}),
    ):
        corpora = [known, LabelledCorpus("y", "jsonl", None, documents=also)]
        labelled = labelled_texts(corpora, SEGMENTATION)
        pool = drawn([source], unit=unit, labelled=labelled)  # type: ignore[arg-type]  # a Unit
        assert set(texts(pool)) == left
        assert len(pool.passages) == len(left)


def test_a_book_does_not_make_up_the_pool(tmp_path: Path) -> None:
    book = " ".join(sentences("Oslo", 600))
    pool = drawn([write(tmp_path / "a.jsonl", [book, *sentences("Lima", 30)])], size=200)
    assert Counter(p.doc_id == "a-0" for p in pool.passages) == {True: 50, False: 30}


def test_what_is_gone_changed_or_broken_is_named(tmp_path: Path) -> None:
    gone = write(tmp_path / "gone.jsonl", ["Ana met Ben."])
    changed = write(tmp_path / "changed.jsonl", ["Cem left for Lima."])
    broken = write(tmp_path / "broken.jsonl", ["Dora is here."])
    Path(gone.name).unlink()
    Path(changed.name).write_text('{"id": "new", "text": "Cem came back again."}\nno json\n')
    Path(broken.name).rename(tmp_path / "broken.jsonl.gz")
    unread = Source(f"{broken.name}.gz", ReadConfig())
    pool = drawn([gone, changed, unread])
    assert texts(pool) == ["Cem came back again."]
    told = "\n".join(pool.warnings)
    assert f"inputs of the run are gone, and nothing is chosen from them: {gone.name}" in told
    assert f"drawn from as they are now: {changed.name}" in told
    assert f"{unread.name} was not read to where it was wanted" in told
    assert f"1 of the records looked at cannot be read, the first of them: {changed.name}" in told
    with pytest.raises(UsageError, match=r"gone.*gone\.jsonl"):
        drawn([gone])


def test_what_is_not_wanted_is_not_drawn(tmp_path: Path) -> None:
    def screen(record: Record) -> Aside | None:
        return "withheld" if isinstance(record, Document) and record.doc_id == "a-1" else None

    source = write(tmp_path / "a.jsonl", ["Ana met Ben.", "Cem left for Lima.", "Eve saw her."])
    pool = drawn([Source(source.name, source.read, (screen,))])
    assert set(texts(pool)) == {"Ana met Ben.", "Eve saw her."}


def test_an_empty_input_gives_an_empty_pool(tmp_path: Path) -> None:
    assert drawn([write(tmp_path / "a.jsonl", [" ", ""])]).passages == ()
    assert drawn([]).passages == ()


def test_of_a_large_file_only_a_share_is_read_but_from_all_its_parts(tmp_path: Path) -> None:
    """20 MB in five parts, for a pool of a hundred."""
    filler = "x " * 500
    lines = (json.dumps({"id": str(n), "text": f"{filler} {n}."}) for n in range(20_000))
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    pool = drawn([Source(str(tmp_path / "a.jsonl"), ReadConfig())], size=100, unit="document")
    assert len(pool.passages) == 100
    assert {int(p.doc_id) // 3900 for p in pool.passages} == {0, 1, 2, 3, 4}

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.report import samples as samples_module
from pipeline.report.samples import SHOWN, Sample, Samples, choose_samples
from schemas.errors import JobError
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span


def document(number: int, confidence: float | None, count: int = 3, **more: str) -> Made:
    spans = [Span(3 * n, 3 * n + 2, confidence=confidence) for n in range(count)]
    return Made(f"d{number}", "Bo " * max(count, 1), spans, **more)  # type: ignore[arg-type]  # the names of strings


def ids(samples: Samples, *, doubtful: bool) -> list[str]:
    return [own.document.doc_id for own in samples.shown if own.is_doubtful == doubtful]


@pytest.fixture
def many(make_run: MakeRun) -> MadeRun:
    return make_run([document(n, n / 100) for n in range(100)], rows_per_file=2000)


def test_half_of_the_documents_are_doubtful_and_half_are_sure(many: MadeRun) -> None:
    """The most doubtful and the surest of all, from whatever file."""
    assert len(many.manifest["tables"]["documents"]["files"]) > 1
    samples = choose_samples(many.tables)
    assert samples.has_texts
    assert ids(samples, doubtful=True) == [f"d{n}" for n in range(10)]
    assert ids(samples, doubtful=False) == [f"d{n}" for n in range(99, 89, -1)]
    for sample in samples.shown:
        number = int(sample.document.doc_id[1:])
        assert sample.mean_confidence == pytest.approx(number / 100)
        assert len(sample.entities) == 3


def test_the_text_of_each_is_its_own(make_run: MakeRun) -> None:
    names = [f"Bo{n:02}" for n in range(50)]
    made = [Made(f"d{n}", name, [Span(0, 4, confidence=n / 50)]) for n, name in enumerate(names)]
    for sample in choose_samples(make_run(made, rows_per_file=3000).tables).shown:
        (piece,) = sample.pieces
        assert piece.lines == (f"Bo{sample.document.doc_id[1:]:0>2}",)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20, 25])
def test_few_documents_are_shown_once_each(make_run: MakeRun, count: int) -> None:
    samples = choose_samples(make_run([document(n, n / 30) for n in range(count)]).tables)
    shown = [own.document.doc_id for own in samples.shown]
    assert len(shown) == len(set(shown)) == min(count, SHOWN)
    if count == 25:
        assert shown[0] == "d0"
        assert "d24" in ids(samples, doubtful=False)


def test_one_entity_alone_makes_no_document_doubtful_or_sure(make_run: MakeRun) -> None:
    made = [document(n, 0.2, 3) for n in range(20)] + [document(n, 0.1, 1) for n in range(20, 40)]
    samples = choose_samples(make_run(made).tables)
    assert all(int(name[1:]) < 20 for name in ids(samples, doubtful=True))


def test_what_lists_alone_found_makes_no_document_doubtful_or_sure(make_run: MakeRun) -> None:
    made = [document(n, None) for n in range(5)]
    made += [document(n, 0.2 if n % 2 else 0.8) for n in range(5, 35)]
    samples = choose_samples(make_run(made).tables)
    assert len(samples.shown) == SHOWN
    assert all(int(own.document.doc_id[1:]) >= 5 for own in samples.shown)
    few = choose_samples(make_run(made[:5], run_id="r2").tables)
    assert [own.mean_confidence for own in few.shown] == [None] * 5


def test_documents_without_entities_are_not_shown(make_run: MakeRun) -> None:
    made = [document(0, 0.5), document(1, 0.5, 0)]
    assert [s.document.doc_id for s in choose_samples(make_run(made).tables).shown] == ["d0"]


def test_without_texts_the_entities_are_there_all_the_same(make_run: MakeRun) -> None:
    made = [document(n, n / 100) for n in range(40)]
    samples = choose_samples(make_run(made, text_share=0.0).tables)
    assert not samples.has_texts
    assert len(samples.shown) == SHOWN
    sample: Sample = samples.shown[0]
    assert (sample.document.doc_id, sample.pieces) == ("d0", ())
    assert [entity.text for entity in sample.entities] == ["Bo"] * 3


def test_where_some_texts_were_kept_only_those_documents_are_shown(make_run: MakeRun) -> None:
    made = [Made(f"d{n}", f"Bo {n}", [Span(0, 2)]) for n in range(100)]
    samples = choose_samples(make_run(made, text_share=0.05).tables)
    assert samples.has_texts
    assert 0 < len(samples.shown) < 20
    assert all(sample.pieces for sample in samples.shown)


def test_documents_that_share_an_id_are_told_apart_by_their_source(make_run: MakeRun) -> None:
    """Of one source they cannot be, so none of them is shown."""
    made = [
        Made("same", "Bo is here.", [Span(0, 2)], "/in/a.jsonl"),
        Made("same", "In Oslo.", [Span(3, 7)], "/in/b.jsonl"),
        Made("twice", "Bo", [Span(0, 2)]),
        Made("twice", "Bo", [Span(0, 2)]),
    ]
    shown = choose_samples(make_run(made).tables).shown
    marked = {
        (own.document.source, piece.lines) for own in shown for piece in own.pieces if piece.entity
    }
    assert marked == {("/in/a.jsonl", ("Bo",)), ("/in/b.jsonl", ("Oslo",))}


def test_a_document_with_very_many_entities_is_no_candidate(make_run: MakeRun) -> None:
    """Its rows alone would take the room of all others."""
    made = [document(0, 0.1, 20_001), document(1, 0.5)]
    assert [s.document.doc_id for s in choose_samples(make_run(made).tables).shown] == ["d1"]


def test_samples_come_from_the_whole_run_also_where_it_is_one_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many of each row group as it has of the rows."""
    sources = [f"/in/{letter}" for letter in "abcde"]
    made = [document(10 * n + k, 0.5, source=s) for n, s in enumerate(sources) for k in range(10)]
    run = make_run(made)
    (file,) = run.manifest["tables"]["documents"]["files"]
    path = Path(run.storage.root, file["path"])
    pq.write_table(pq.read_table(path), path, row_group_size=10)
    monkeypatch.setattr(samples_module, "_CANDIDATES", 20)
    shown = choose_samples(run.tables).shown
    assert {own.document.source for own in shown} == set(sources)
    assert len(shown) == SHOWN


def test_rows_that_disagree_with_a_text_are_an_error_that_names_the_document(
    make_run: MakeRun,
) -> None:
    run = make_run([Made("d7", "Bo in Oslo", [Span(0, 2)])])
    (file,) = run.manifest["tables"]["documents"]["files"]
    path = Path(run.storage.root, file["path"])
    rows = pq.read_table(path)
    place = rows.column_names.index("text")
    pq.write_table(rows.set_column(place, rows.field(place), [["B"]]), path)
    with pytest.raises(JobError, match=r"^d7: no characters 0 to 2 in 1$"):
        choose_samples(run.tables)

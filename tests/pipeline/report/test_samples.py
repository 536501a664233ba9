import pytest

from pipeline.report.samples import SHOWN, Sample, Samples, choose_samples
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span


def document(number: int, confidence: float, count: int = 3, **more: str) -> Made:
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

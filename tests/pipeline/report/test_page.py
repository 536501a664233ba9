"""The page of a run: complete, self-contained, bounded, and no text of others is markup in it."""

import re
from typing import Any

import pytest

from model.drift.compare import compare
from model.drift.profile import Profile
from pipeline.report.page import report_page
from schemas.manifest import Disagreement, GazetteerEntry, TermEntry
from schemas.records import DeadLetter
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span
from tests.pipeline.report.parsed import Page

MOST_BYTES = 2_000_000


def page_of(run: MadeRun) -> Page:
    page = Page(report_page(run.storage.root, run.manifest))
    assert not page.open
    return page


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\x1b[2J\u202e'


@pytest.fixture
def hostile(make_run: MakeRun) -> MadeRun:
    """Whatever can come from others has markup in it, and what gives orders to a terminal."""
    text = f"Bo {HOSTILE} & Oslo"
    spans = [Span(0, 2, HOSTILE, 0.3), Span(3, 3 + len(HOSTILE), "geo", 0.8)]
    letters = [DeadLetter(f"/in/{HOSTILE}", 0, None, "S", HOSTILE, f"Bad {HOSTILE}.")]
    made = [Made(f"d{HOSTILE}", text, spans, f"/in/{HOSTILE}")]
    more = {
        "warnings": [HOSTILE],
        "model": HOSTILE,
        "error": HOSTILE,
        "versions": {HOSTILE: HOSTILE},
        "gazetteer": GazetteerEntry(
            files=[HOSTILE],
            terms=2,
            fired=1,
            disagreed=1,
            entities_by_label={HOSTILE: 1},
            most=[TermEntry(term=HOSTILE, label=HOSTILE, policy="add", count=1)],
            never=[HOSTILE],
            disagreements=[
                Disagreement(term=HOSTILE, label=HOSTILE, policy="add", model=HOSTILE, count=1)
            ],
        ),
    }
    return make_run(made, letters, settings={"input": [HOSTILE], "id_field": HOSTILE}, more=more)


def test_text_of_others_is_text_on_the_page(hostile: MadeRun) -> None:
    page = page_of(hostile)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text()
    assert r"\x1b[2J\u202e" in page.text()
    source = report_page(hostile.storage.root, hostile.manifest)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", source)


def test_nothing_on_the_page_comes_from_elsewhere(hostile: MadeRun) -> None:
    page = page_of(hostile)
    assert all(value.startswith("#") for value in page.values("href"))
    assert "src" not in [name for _, name, _ in page.attributes]
    (style,) = [text for tag, text in page.texts if tag == "style"]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page.values("content")


def test_links_within_the_page_lead_somewhere(hostile: MadeRun) -> None:
    page = page_of(hostile)
    targets = page.values("id")
    assert len(targets) == len(set(targets))
    assert {value.removeprefix("#") for value in page.values("href")} <= set(targets)
    assert page.values("href")


def test_figures_stand_on_the_page_as_the_manifest_has_them(make_run: MakeRun) -> None:
    """Read, lost, found and unknown."""
    made = [
        Made(f"d{n}", "Bo in Oslo", [Span(0, 2, "per", 0.2), Span(6, 10, "geo")], tokens=700)
        for n in range(3)
    ]
    letters = [
        DeadLetter("/in/b.jsonl", 7, None, "ReadDocuments", "RecordError", "No text."),
        DeadLetter("/in/c.gz", None, None, "ReadDocuments", "EOFError", "Broke off."),
    ]
    run = make_run(made, letters, more={"timings": _timings(10.0)})
    text = page_of(run).text()
    for told in (
        "Documents 3 of 4 records in 3 files",
        "Lost 1 record 25.0% became dead letters",
        "Entities 6 in 3 of 3 documents",
        "Throughput 210 tokens/s 3 characters/s, with start-up",
        "Unknown words 0.1% of all tokens",
        "geo 3 50.0% 1.43 0.90 0",
        "per 3 50.0% 1.43 0.20 3",
        "3 of 2,100 tokens (0.1%) are not in the model's vocabulary",
        "No text. 1 ReadDocuments RecordError",
        "Broke off. (of a whole file) 1 ReadDocuments EOFError",
        "1 file could not be read to the end.",
        "/in/c.gz 0 0 no /in/b.jsonl 1 1 yes",
        "0.2 to 0.3 3",
        "--keep_text all",
        "gleaner 0.1.0",
    ):
        assert told in text


def test_the_page_says_how_users_terms_fared(make_run: MakeRun) -> None:
    most = [TermEntry(term="Lynx 20", label="product", policy="add", count=1200)]
    differing = [
        Disagreement(term="Mercury", label="planet", policy="override", model="org", count=7),
        Disagreement(term="Lynx", label="product", policy="add", model="per", count=3),
    ]
    lists = GazetteerEntry(
        files=["/lists/it's.csv"],
        terms=30,
        fired=4,
        disagreed=2,
        entities_by_label={"planet": 2, "product": 1200},
        most=most,
        never=[f"Vole {n}" for n in range(20)],
        disagreements=differing,
    )
    run = make_run([Made("d", "Bo", [Span(0, 2)])], more={"gazetteer": lists})
    page = page_of(run)
    for told in (
        "4 of 30 terms took effect; 1,202 entities that the model had not; ",
        "product 1,200 planet 2",
        "Lynx 20 product add 1,200",
        "Mercury planet override org the list 7",
        "Lynx product add per the model 3",
        "Vole 19 and 6 terms more",
        (
            f"label select --output {run.storage.root} --gazetteer '/lists/it'\"'\"'s.csv' "
            "--disagreements --to "
        ),
    ):
        assert told in page.text()
    assert "#gazetteer" in page.values("href")
    assert "gazetteer" not in page_of(make_run(run_id="r2")).values("id")


def _timings(seconds: float) -> dict[str, Any]:
    at = "2026-01-01T00:00:00+00:00"
    return {"started_at": at, "finished_at": at, "seconds": seconds}


def test_every_entity_of_a_sample_can_be_reached_and_tells_its_label_and_confidence(
    make_run: MakeRun,
) -> None:
    spans = [Span(0, 2, "per", 0.25), Span(6, 10, "geo", 0.75), Span(11, 15, "geo", None)]
    page = page_of(make_run([Made("d", "Bo in 𐐷slo Oslo", spans)]))
    assert page.values("data-tip") == ["per 0.25", "geo 0.75", "geo listed"]
    assert "𐐷slo, geo, confidence 0.75" in page.values("aria-label")
    assert "Oslo, geo, listed" in page.values("aria-label")
    marks = [(name, value) for tag, name, value in page.attributes if tag == "mark"]
    assert marks.count(("tabindex", "0")) == 3
    assert [value for name, value in marks if name == "class"][-3:] == ["h1 doubtful", "h0", "h0"]
    assert "per?" in page.text()  # not by its look alone
    assert "d 3 entities, confidence: lowest 0.25, mean 0.50," in page.text()


def test_what_lists_alone_found_is_told_without_a_confidence(make_run: MakeRun) -> None:
    run = make_run([Made("d", "Bo", [Span(0, 2, "per", None)])], text_share=0.0)
    text = page_of(run).text()
    assert "per 1 100.0% 100.00 – 0" in text
    assert "d 1 entity, /in/a.jsonl" in text
    assert "listed, characters 0 to 2" in text


def test_documents_stand_in_two_halves_with_the_figures_that_order_them(make_run: MakeRun) -> None:
    """Nothing calls a document doubtful that is but the less sure half of a sure run."""
    spans = [Span(0, 2, "per", 0.99), Span(6, 10, "geo", 0.95), Span(11, 13, "geo", 0.97)]
    made = [Made("d1", "Bo in Oslo Bo", spans)]
    made.append(Made("d2", "Bo in Oslo Bo", [span._replace(confidence=1.0) for span in spans]))
    text = page_of(make_run(made)).text()
    assert "Least sure d1 3 entities, confidence: lowest 0.95, mean 0.97," in text
    assert "Surest d2 3 entities, confidence: lowest 1.00, mean 1.00," in text
    assert "doubtful" not in text
    assert "Surest" not in page_of(make_run(made[:1], run_id="r2")).text()


def test_of_many_entities_without_a_text_the_first_are_listed(make_run: MakeRun) -> None:
    made = [Made("d", "x" * 100, [Span(n, n + 1) for n in range(43)])]
    text = page_of(make_run(made, text_share=0.0)).text()
    assert "characters 39 to 40 and 3 more" in text


def test_a_page_without_texts_says_why(make_run: MakeRun) -> None:
    settings = {"keep_text": "none"}
    run = make_run([Made("d", "Bo in Oslo", [Span(0, 2)])], text_share=0.0, settings=settings)
    text = page_of(run).text()
    assert "The run kept no texts (--keep_text none)" in text
    assert "characters 0 to 2" in text
    assert "in Oslo" not in text


def test_a_page_with_texts_gives_no_such_reason(make_run: MakeRun) -> None:
    text = page_of(make_run([Made("d", "Bo in Oslo", [Span(0, 2)])])).text()
    assert "in Oslo" in text
    assert "kept no texts" not in text


def test_drift_is_shown_with_both_sides(make_run: MakeRun) -> None:
    lengths = (0, 0, 900, 900, 0, 0, 0, 0, 0, 0, 0)
    baseline = Profile(30_000, 600, lengths, {"geo": (0,) * 9 + (800,), "per": (100,) * 10})
    found = Profile(30_000, 9000, lengths, {"geo": (0,) * 9 + (800,), "per": (0,) * 9 + (20,)})
    run = make_run([Made("d", "Bo", [Span(0, 2)])], more={"drift": compare(baseline, found)})
    page = page_of(run)
    assert "Unknown words drift PSI" in page.text()
    assert "2.0% 30.0%" in page.text()
    assert "per 55.6% 2.4%" in page.text()
    assert "The documents are unlike those that the model was trained on." in page.text()
    titles = [value for value in page.values("aria-label") if "in training" in value]
    assert len(titles) == 3


def test_why_nothing_was_compared_is_said(make_run: MakeRun) -> None:
    run = make_run([Made("d", "Bo")])
    assert "Not compared: the model has no baseline statistics." in page_of(run).text()
    run = make_run([Made("d", "Bo")], run_id="r2")
    del run.manifest["drift"]
    assert "Not compared: the run holds no comparison" in page_of(run).text()


def test_a_failed_run_has_a_page_that_says_why(make_run: MakeRun) -> None:
    run = make_run()
    manifest: Any = {
        name: value
        for name, value in run.manifest.items()
        if name not in ("counts", "inputs", "tables", "drift")
    }
    manifest |= {"status": "failed", "error": "Traceback:\n  line 1\nMemoryError: no room"}
    page = page_of(MadeRun(run.storage, manifest))
    assert "The run failed. It left no rows. Traceback: line 1 MemoryError: no room" in page.text()
    assert "Read and lost" not in page.text()


def test_a_run_with_dead_letters_alone_has_a_page(make_run: MakeRun) -> None:
    letter = DeadLetter("/in/b.jsonl", 7, None, "ReadDocuments", "RecordError", "No text.")
    run = make_run([Made("d", "Bo", [Span(0, 2)])], [letter])
    tables = {"dead_letters": run.manifest["tables"]["dead_letters"]}
    more: Any = {"status": "failed", "error": "Too many.", "tables": tables}
    text = page_of(MadeRun(run.storage, run.manifest | more)).text()
    assert "The run failed. Its dead letters alone were written. Too many." in text
    assert "No text. 1 ReadDocuments RecordError" in text
    assert "Entities" not in text


def test_documents_without_a_word_have_a_page(make_run: MakeRun) -> None:
    text = page_of(make_run([Made("d", "", tokens=0, unknown=0)])).text()
    assert "Text 0 tokens 1 sentence, 0 characters" in text
    assert "No entity." in text


def test_what_was_not_read_is_a_line_of_the_page(make_run: MakeRun) -> None:
    run = make_run([Made("d", "Bo", [Span(0, 2)])])
    reasons = {"of the output": 1, "hidden by name": 2000}
    run.manifest["counts"] |= {"unread": 2001, "unread_by_reason": reasons}
    run.manifest["unread"] = [{"path": "/in/_<b>", "reason": "hidden by name"}]
    text = page_of(run).text()
    assert "Not read: 2,000 hidden by name (first: /in/_<b>). Not read: 1 of the output." in text


def test_an_empty_run_has_a_page_that_says_so(make_run: MakeRun) -> None:
    run = make_run()
    assert run.manifest["status"] == "empty"
    run.manifest["counts"]["skipped_files"] = 1
    text = page_of(run).text()
    assert "There was nothing to read: 1 file was done already" in text


def test_of_a_run_that_is_too_large_some_files_are_read_and_the_page_says_so(
    make_run: MakeRun,
) -> None:
    made = [Made(f"d{n}", f"Bo {n}", [Span(0, 2)]) for n in range(1000)]
    run = make_run(made, rows_per_file=4000)
    files = run.manifest["tables"]["entities"]["files"]
    assert len(files) > 2
    text = Page(report_page(run.storage.root, run.manifest, 300)).text()
    (left,) = re.findall(r"([\d,]+) rows of entities", text)
    assert 1000 - max(300, files[0]["rows"]) <= int(left) < 1000
    assert "All other counts are of the whole run." in text
    assert "per 1,000 100.0% 100.00 0.90 0" in text
    assert "some of its files" not in page_of(run).text()


def test_a_merged_run_has_no_throughput(make_run: MakeRun) -> None:
    made = [Made("d", "Bo", [Span(0, 2)])]
    assert "Throughput" in page_of(make_run(made)).text()
    run = make_run(made, run_id="c1", more={"replaces": ["r1", "r2"]})
    del run.manifest["counts"]["skipped_files"]
    assert "Throughput" not in page_of(run).text()
    assert "Merged from 2 runs." in page_of(run).text()


def test_a_page_stays_small_whatever_is_in_the_run(make_run: MakeRun) -> None:
    """Long texts, entities, names and messages, each in great number; control characters swell."""
    odd = "\U000e0001"  # becomes ten characters
    documents = []
    for n in range(25):
        text = f"{odd}&" * 500_000
        spans = [Span(40 * k, 40 * k + 39, f"{n}{odd * 500}", k % 10 / 10) for k in range(400)]
        spans.append(Span(500_000, 900_000, f"l{n}", 0.99))
        documents.append(Made(f"{n}{odd * 1000}", text, spans, f"/in/{n}{odd * 1000}"))
    labels = [Span(k, k + 1, f"label {k}") for k in range(3000)]
    documents.append(Made("labels", "x" * 3000, labels))
    letters = [
        DeadLetter(f"/in/{n}{odd * 500}", 0, None, "S" * 500, f"E{n}" * 200, f"{odd * 5000}{n}")
        for n in range(500)
    ]
    settings = {"input": [f"/in/{n}" + odd * 100 for n in range(10_000)]}
    more = {"error": f"{odd * 100}\n" * 10_000, "status": "failed"}
    run = make_run(documents, letters, settings=settings, more=more)
    page = report_page(run.storage.root, run.manifest)
    assert len(page.encode()) < MOST_BYTES
    assert Page(page).values("data-tip")
    assert "and 470 reasons more" in Page(page).text()

"""The page of an evaluation: complete, self-contained, and no text of others is markup in it."""

from html.parser import HTMLParser

import pytest

from jobs.evaluate.page import html_page
from jobs.evaluate.report import Evaluation, evaluation
from jobs.evaluate.terminal import format_evaluation
from model.corpora import LabelledCorpus, LabelledDocument
from model.corpora.records import Remark
from model.evaluation.entity_scores import entity_scores
from model.evaluation.mistakes import KINDS, ComparedText
from model.evaluation.muc import SCHEMES
from model.evaluation.speed import Speed
from model.tags import Span

HOSTILE = "<script>alert(1)</script> & \x1b[2J\u202e \"Lisbon'"
LABEL = 'x"><b>\x07'
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, and its text by the element that holds it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, *tags: str) -> str:
        return "".join(text for tag, text in self.texts if not tags or tag in tags)


def found_in(
    text: str,
    gold: list[Span],
    predicted: list[Span],
    path: str = "gold.jsonl",
    listed: int = 10,
) -> Evaluation:
    document = LabelledDocument("d1", text, tuple(gold), 3)
    compared = ComparedText(
        text, gold, predicted, [0.25] * len(predicted), line=3, doc_id=document.doc_id
    )
    corpus = LabelledCorpus(path, "jsonl", None, documents=(document,))
    return evaluation(
        "m@1",
        corpus,
        entity_scores([gold], [predicted]),
        [compared],
        (Remark(path),),
        listed,
        Speed(123_456, from_text=True, processor=HOSTILE),
    )


@pytest.fixture
def hostile() -> Evaluation:
    end = HOSTILE.index(" &")
    gold = [Span(0, end, LABEL)]
    return found_in(HOSTILE, gold, [Span(0, end - 1, LABEL)], path="<img src=x>")


def test_text_of_others_is_text_on_the_page(hostile: Evaluation) -> None:
    page = Page(html_page(hostile))
    assert not page.open
    assert not {"script", "img", "b"} & set(page.tags)
    assert r"<script>alert(1)</script> & \x1b[2J\u202e " + "\"Lisbon'" in page.text()
    assert "<img src=x>" in page.text()
    assert r'x"><b>\x07' in page.text("th")
    assert r'x"><b>\x07' in page.text("bdi")


def test_text_of_others_gives_no_orders_to_a_terminal(hostile: Evaluation) -> None:
    printed = format_evaluation(hostile, 120)
    assert "\x1b" not in printed
    assert all(line.isprintable() for line in printed.split("\n"))
    assert r"[<<script>alert(1)</script>>] & \x1b[2J\u202e " in printed.replace(">>>]", ">>]")


def test_gold_and_predicted_are_marked_apart() -> None:
    text = "We met Ana de Sousa in Faro."
    source = html_page(found_in(text, [Span(7, 19, "per")], [Span(7, 10, "per")]))
    assert (
        'We met <mark class="gold found">Ana</mark><mark class="gold"> de Sousa</mark> in Faro.'
        in source
    )
    invented = html_page(found_in(text, [], [Span(23, 27, "geo")]))
    assert '<mark class="found">Faro</mark>' in invented


def test_the_page_says_all_that_was_found() -> None:
    text = "We met Ana de Sousa in Faro."
    gold = [Span(7, 19, "per"), Span(23, 27, "geo")]
    page = Page(html_page(found_in(text, gold, [Span(7, 10, "per"), Span(23, 27, "geo")])))
    said = page.text()
    assert page.text("title") == "m@1: evaluation"
    assert "123,000 tokens/s on one core (<script>alert(1)</script> & " in said
    for expected in ("m@1", "gold.jsonl", "1 documents, from raw text", "document d1, line 3"):
        assert expected in said
    assert "confidence 0.25" in said
    headings = page.text("th")
    for name in ("per", "geo", "micro", "macro", *SCHEMES, *KINDS.values()):
        assert name in headings
    assert "0.5000" in page.text("td")
    assert "1 ×ana de sousa: wrong boundaries, gold per, predicted per" in said


def test_what_is_not_listed_is_counted_and_how_to_list_it_is_told() -> None:
    """Mistakes that are alike are listed once, and so they are counted."""
    spans = [Span(0, 3, "per"), Span(4, 7, "per"), Span(8, 12, "geo")]
    told = "1 of 2 different mistakes listed; --mistakes 2 lists all"
    few = found_in("Ana Ana Faro", spans, [], listed=1)
    assert format_evaluation(few, 80).splitlines()[-1] == told
    assert told in Page(html_page(few)).text()
    whole = found_in("Ana Ana Faro", spans, [], listed=2)
    assert "--mistakes" not in format_evaluation(whole, 80) + html_page(whole)


def test_a_page_without_mistakes_lists_none() -> None:
    spans = [Span(7, 10, "per")]
    page = Page(html_page(found_in("We met Ana.", spans, spans)))
    assert "ol" not in page.tags
    assert "most frequent" not in page.text()


def test_the_page_needs_no_network_and_no_script(hostile: Evaluation) -> None:
    source = html_page(hostile)
    page = Page(source)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "href"} or name[:2] == "on"]
    assert "http" not in source
    assert "url(" not in source
    assert "@import" not in source


def test_the_page_adapts_to_dark_screens_phones_and_paper(hostile: Evaluation) -> None:
    source = html_page(hostile)
    assert "@media (prefers-color-scheme: dark)" in source
    assert "@media print" in source
    assert ("name", "viewport") in Page(source).attributes

"""Texts that tools trip over: emoji, CRLF, marks that combine, right-to-left script."""

import random

from jobs.label.passages import Passage
from jobs.label.tasks import Made, Task
from model.tags import Span
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

# Emoji with joiners and flags, letters with marks that combine, right to left, no blanks, wide.
WORDS = (
    *("Ana", "Müller", "Zoe\u0308", "e\u0301te\u0301", "👩‍👩‍👧", "🇳🇴", "🦀", "ירושלים", "القاهرة"),
    *(
        "\u202bשלום\u202c",
        "𝕏𝕐",
        "東京",
        "\u1100\u1161",
        "O'Neil",
        "U.S.",
        "42",
        '"',
        "\\",
        "<b>",
        "&",
    ),
)
BLANKS = (" ", "  ", "\r\n", "\n", "\t", "\u00a0", "\u2028")
LABELS = ("PER", "Ort & Land", "事")
MADE = Made("tiny@0", Segmentation())


def _document(source: random.Random, number: int) -> Task:
    """Spans are whole tokens, and do not overlap."""
    text = "".join(
        source.choice(WORDS) + source.choice(BLANKS) for _ in range(source.randint(1, 14))
    ).strip()
    cut = tokenize_document(Document("", "", 0, text), MADE.segmentation)
    spans = []
    token = source.randint(0, 3)
    while token < len(cut.words):
        last = min(token + source.randint(0, 2), len(cut.words) - 1)
        start, end = int(cut.token_start[token]), int(cut.token_end[last])
        spans.append(Span(start, end, source.choice(LABELS)))
        token = last + 1 + source.randint(0, 3)
    place = (f"doc-{number}", f"/in/{number % 3} é.jsonl", number)
    words = tuple(cut.words)
    return Task(Passage(f"{text} ({number})", *place, words), tuple(spans), (0.5,) * len(spans))


def odd_tasks(seed: int, count: int) -> list[Task]:
    """So many tasks of such words, no two texts the same."""
    source = random.Random(seed)
    return [_document(source, number) for number in range(count)]

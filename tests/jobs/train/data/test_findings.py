"""What is to be expected of so much data is told from what other sets gave, and never promised."""

import re
from itertools import pairwise

import pytest

from jobs.train.data.findings import expected_f1
from model.corpora.statistics import DataReport, PartReport, SentenceLengths


def report(entities: int) -> DataReport:
    train = PartReport(
        name="train",
        origin="ferry.conll",
        source=None,
        sentences=entities,
        tokens=9 * entities,
        entities={"per": entities - 1, "geo": 1},
        lengths=SentenceLengths(9, 9, 9, 9, None),
        repeated=0,
        in_train=None,
        unknown_tokens=None,
    )
    return DataReport((train,), "fine")


def ranges(entities: int) -> list[tuple[float, float]]:
    found = re.findall(r"(0\.\d\d) to (0\.\d\d)", " ".join(expected_f1(report(entities))))
    return [(float(low), float(high)) for low, high in found]


OTHERS = "other sets with about as many entities to train on, "
NONE = "no set that was tried has so "


@pytest.mark.parametrize(
    ("entities", "told"),
    [
        (697, f"{OTHERS}697, gave an F1 of 0.67 to 0.74, ten times as many 0.68 to 0.84"),
        (20_000, f"{OTHERS}20,000, gave an F1 of 0.69 to 0.85"),
        (40, f"{NONE}few entities to train on: 227 gave an F1 of 0.59 to 0.66"),
        (9_000_000, f"{NONE}many entities to train on: 89,089 gave an F1 of 0.69 to 0.87"),
    ],
)
def test_what_was_measured_is_told(entities: int, told: str) -> None:
    """With whose figures they are; of what was never tried, the nearest that was."""
    line, whose = expected_f1(report(entities))
    assert line == told
    assert whose.startswith("(English newswire, abstracts and tweets, with GloVe's vectors)")


def test_more_entities_are_never_told_to_give_less() -> None:
    """But for the lower end, which is that of a harder set where one joins in."""
    sizes = [round(20 * 1.1**n) for n in range(110)]
    found = [ranges(size) for size in sizes]
    for row in found:
        assert len(row) in (1, 2)
        assert all(0.5 < low <= high < 0.9 for low, high in row)
        assert all(after[1] >= before[1] for before, after in pairwise(row))
    assert all(after[0][1] >= before[0][1] for before, after in pairwise(found))

"""What model and lists say together is what the policies say of each token, by brute force."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from model.gazetteer.matching import Gazetteer, Matches
from model.gazetteer.merging import Merged, ModelSpans, merge
from model.gazetteer.rows import POLICIES

LABELS = ("LOC", "ORG")
TOKENS = 10


class Term(NamedTuple):
    """What a term says, and where it stands."""

    label: int
    policy: str
    start: int
    end: int


def _span(bounds: tuple[int, int]) -> tuple[int, int]:
    return min(bounds), max(bounds)


bounds = st.tuples(st.integers(0, TOKENS), st.integers(0, TOKENS)).filter(lambda b: b[0] != b[1])
spans = bounds.map(_span)


@st.composite
def terms(draw: st.DrawFn) -> list[Term]:
    found = []
    for start, end in draw(st.lists(spans, max_size=8)):
        policy = draw(st.sampled_from(POLICIES))
        label = draw(st.integers(-1 if policy == "forbid" else 0, 1))
        found.append(Term(label, policy, start, end))
    return found


@st.composite
def model_spans(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Spans that do not overlap, with labels that lists have or have not."""
    cuts = sorted(draw(st.sets(st.integers(0, TOKENS), max_size=8)))
    pairs = [pair for pair in pairwise(cuts) if draw(st.booleans())]
    return [(start, end, draw(st.integers(-1, 1))) for start, end in pairs]


def merged(
    model: Sequence[tuple[int, int, int]], terms: Sequence[Term]
) -> tuple[Merged, list[int]]:
    """The result, and the number of each match's term."""
    order = sorted(range(len(terms)), key=lambda n: (terms[n].start, terms[n].end, n))
    gazetteer = Gazetteer(
        texts=pa.array([""] * len(terms)),
        ids=pa.array([""] * len(terms)),
        labels=LABELS,
        label=np.array([term.label for term in terms], np.int32),
        policy=np.array([POLICIES.index(term.policy) for term in terms], np.uint8),
        finders=(),
    )
    matches = Matches(
        np.array([terms[n].start for n in order], np.int64),
        np.array([terms[n].end for n in order], np.int64),
        np.array(order, np.int64),
    )
    columns = np.array(model, np.int64).reshape(-1, 3).T
    return merge(ModelSpans(*columns), matches, gazetteer), order


def _overlap(a: Sequence[int], b: Sequence[int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _competed(terms: Sequence[Term], numbers: Sequence[int]) -> list[int]:
    ranked = sorted(numbers, key=lambda n: (terms[n].start - terms[n].end, terms[n].start, n))
    chosen: list[int] = []
    for n in ranked:
        if not any(_overlap(terms[n][2:], terms[m][2:]) for m in chosen):
            chosen.append(n)
    return chosen


def expected(
    model: Sequence[tuple[int, int, int]], terms: Sequence[Term]
) -> list[tuple[int, int, int, int | None, bool]]:
    """Start, end, label, term and whether it is contradicted, as the module's text says it."""
    numbers = range(len(terms))
    kept = {
        span
        for span in model
        if not any(
            term.policy == "forbid"
            and (term.start, term.end) == span[:2]
            and term.label in (-1, span[2])
            for term in terms
        )
    }
    rows: list[tuple[int, int, int, int | None, bool]] = []
    overrides = _competed(terms, [n for n in numbers if terms[n].policy == "override"])
    source: dict[tuple[int, int, int], int] = {}
    for n in overrides:
        own = (terms[n].start, terms[n].end, terms[n].label)
        if own in kept:
            source[own] = n
            continue
        dropped = {span for span in kept if _overlap(own, span)}
        kept -= dropped
        rows.append((*own, n, bool(dropped)))
    taken = [*kept, *(row[:3] for row in rows)]
    adds = [n for n in numbers if terms[n].policy == "add"]
    for n in adds:
        own = (terms[n].start, terms[n].end, terms[n].label)
        if own in kept:
            source.setdefault(own, n)
    free = [n for n in adds if not any(_overlap(terms[n][2:], span) for span in taken)]
    rows += [
        (terms[n].start, terms[n].end, terms[n].label, n, False) for n in _competed(terms, free)
    ]
    rows += [(*span, source.get(span), False) for span in kept]
    return sorted(rows, key=lambda row: row[:2])


@given(model=model_spans(), terms=terms())
def test_rows_are_those_that_the_policies_say(
    model: list[tuple[int, int, int]], terms: list[Term]
) -> None:
    result, order = merged(model, terms)
    rows = []
    for span, match, contradicted in zip(
        result.span.tolist(), result.match.tolist(), result.is_contradicted.tolist(), strict=True
    ):
        n = None if match < 0 else order[match]
        if span >= 0:
            rows.append((*model[span], n, contradicted))
        else:
            assert n is not None
            rows.append((terms[n].start, terms[n].end, terms[n].label, n, contradicted))
    assert rows == expected(model, terms)


@given(model=model_spans(), terms=terms())
def test_what_was_forbidden_and_what_disagrees_is_counted_once(
    model: list[tuple[int, int, int]], terms: list[Term]
) -> None:
    result, order = merged(model, terms)
    kept = {model[span] for span in result.span.tolist() if span >= 0}
    forbidden = [
        (terms[order[match]].start, terms[order[match]].end) for match in result.forbidden.tolist()
    ]
    assert len(set(forbidden)) == len(forbidden)
    assert not {span[:2] for span in kept} & set(forbidden)
    pairs = [(order[match], model[span]) for match, span in result.disagreements.tolist()]
    assert len(set(pairs)) == len(pairs)
    for n, span in pairs:
        assert _overlap(terms[n][2:], span)
        assert terms[n].label != span[2]
        assert (terms[n].policy == "override") == (span not in kept)

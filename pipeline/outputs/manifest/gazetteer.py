"""What a manifest says of a run's gazetteer: which terms took effect, where the model differs."""

from collections.abc import Sequence
from itertools import islice

from model.gazetteer.counts import TermCounts
from model.gazetteer.matching import ANY, Gazetteer
from model.gazetteer.rows import POLICIES
from model.gazetteer.terms import ANY_LABEL
from schemas.manifest import GazetteerEntry, TermEntry

LISTED_TERMS = 20  # terms of each kind; the counts tell of all


def gazetteer_entry(
    files: Sequence[str], gazetteer: Gazetteer, counts: TermCounts
) -> GazetteerEntry:
    """The names of its files, its terms and their counts in, what is told of them out."""
    fired = sorted(counts.fired, key=lambda term: (-counts.fired[term], term))
    disagreed = sorted(counts.disagreed, key=lambda pair: (-counts.disagreed[pair], pair))
    never = (term for term in range(len(gazetteer)) if term not in counts.fired)
    return GazetteerEntry(
        files=[*files],
        terms=len(gazetteer),
        fired=len(fired),
        disagreed=len({term for term, _ in disagreed}),
        entities_by_label=dict(sorted(counts.entities.items())),
        most=[_entry(gazetteer, term, counts.fired[term]) for term in fired[:LISTED_TERMS]],
        never=[str(gazetteer.texts[term]) for term in islice(never, LISTED_TERMS)],
        disagreements=[
            {**_entry(gazetteer, term, counts.disagreed[term, label]), "model": label}
            for term, label in disagreed[:LISTED_TERMS]
        ],
    )


def _entry(gazetteer: Gazetteer, term: int, count: int) -> TermEntry:
    label = int(gazetteer.label[term])
    return TermEntry(
        term=str(gazetteer.texts[term]),
        label=ANY_LABEL if label == ANY else gazetteer.labels[label],
        policy=POLICIES[gazetteer.policy[term]],
        count=count,
    )

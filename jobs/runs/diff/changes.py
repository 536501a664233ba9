"""What changed between two runs, by label: the counts while they are made, and what is told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class LabelChange:
    """What became of the entities of a label; the means are of those that both runs have.

    before = both + lost + moved_away, after = both + gained + moved_here: a moved entity has the
    same span in both runs, and another label.
    """

    label: str
    both: int
    lost: int
    gained: int
    moved_away: int
    moved_here: int
    confidence_before: float | None
    confidence_after: float | None

    @property
    def before(self) -> int:
        return self.both + self.lost + self.moved_away

    @property
    def after(self) -> int:
        return self.both + self.gained + self.moved_here


class Example(NamedTuple):
    """An entity that only one run has; of a moved one, `label` names both labels."""

    confidence: float
    label: str
    text: str
    source: str
    doc_id: str
    start: int
    end: int


@dataclass(frozen=True)
class Comparison:
    """documents: those in both runs; ambiguous: ids that several documents of a source share."""

    documents: int
    only_before: int
    only_after: int
    ambiguous: int
    labels: Sequence[LabelChange]
    total: LabelChange
    moves: Sequence[tuple[tuple[str, str], int]]
    examples: dict[str, list[Example]]

    def to_json(self) -> dict[str, Any]:
        """All of it with names."""
        labels = [
            {**asdict(label), "before": label.before, "after": label.after}
            for label in (*self.labels, self.total)
        ]
        return {
            "documents": self.documents,
            "only_before": self.only_before,
            "only_after": self.only_after,
            "ambiguous": self.ambiguous,
            "labels": labels[:-1],
            "total": labels[-1],
            "moves": [{"from": a, "to": b, "entities": n} for (a, b), n in self.moves],
            "examples": {
                kind: [one._asdict() for one in some] for kind, some in self.examples.items()
            },
        }


class Tally:
    """What was counted in the portions so far, by label."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self.counts: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("both", "lost", "gained", "moved_away", "moved_here")
        }
        self.confidences: dict[str, Counter[str]] = {"before": Counter(), "after": Counter()}
        self.moves: Counter[tuple[str, str]] = Counter()
        self.examples: dict[str, list[Example]] = {"lost": [], "gained": [], "moved": []}

    def change(self, label: str | None) -> LabelChange:
        """The sums of a label; None: of all."""

        def of(counter: Counter[str]) -> Any:  # noqa: ANN401 - counts are int, confidences float
            return sum(counter.values()) if label is None else counter[label]

        counts = {kind: of(counter) for kind, counter in self.counts.items()}
        both = counts["both"]
        before, after = (
            of(self.confidences[side]) / both if both else None for side in ("before", "after")
        )
        return LabelChange(
            label or "all", **counts, confidence_before=before, confidence_after=after
        )

"""What changed between two runs, by label: added up while it is found, and told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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


@dataclass
class Comparison:
    """documents: those in both runs; ambiguous: ids that several documents of a source share.

    names: the labels of both runs; entities: how many have which label before and after, "" where
    they are not there; confidences: sums of what both runs have, by `before` or `after` and label.
    """

    names: Sequence[str]
    documents: int = 0
    only_before: int = 0
    only_after: int = 0
    ambiguous: int = 0
    entities: Counter[tuple[str, str]] = field(default_factory=Counter)
    confidences: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(
        default_factory=lambda: {"lost": [], "gained": [], "moved": []}
    )

    @property
    def labels(self) -> list[LabelChange]:
        return [self._change(name, [name]) for name in self.names]

    @property
    def total(self) -> LabelChange:
        return self._change("all", self.names)

    @property
    def moves(self) -> list[tuple[tuple[str, str], int]]:
        """Labels before and after of entities that moved, the most frequent first."""
        moves = [(pair, n) for pair, n in self.entities.items() if all(pair) and len({*pair}) > 1]
        return sorted(moves, key=lambda move: (-move[1], move[0]))

    def _change(self, title: str, names: Sequence[str]) -> LabelChange:
        pairs = self.entities.items()
        both = sum(n for (a, b), n in pairs if a == b and a in names)
        before, after = (
            sum(self.confidences[side, name] for name in names) / both if both else None
            for side in ("before", "after")
        )
        return LabelChange(
            title,
            both=both,
            lost=sum(n for (a, b), n in pairs if a in names and not b),
            gained=sum(n for (a, b), n in pairs if b in names and not a),
            moved_away=sum(n for (a, b), n in pairs if a in names and b not in ("", a)),
            moved_here=sum(n for (a, b), n in pairs if b in names and a not in ("", b)),
            confidence_before=before,
            confidence_after=after,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it with names."""
        *labels, total = (
            {**asdict(change), "before": change.before, "after": change.after}
            for change in (*self.labels, self.total)
        )
        return {
            "documents": self.documents,
            "only_before": self.only_before,
            "only_after": self.only_after,
            "ambiguous": self.ambiguous,
            "labels": labels,
            "total": total,
            "moves": [{"from": a, "to": b, "entities": n} for (a, b), n in self.moves],
            "examples": {
                kind: [example._asdict() for example in examples]
                for kind, examples in self.examples.items()
            },
        }

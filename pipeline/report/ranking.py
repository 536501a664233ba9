"""The most frequent texts of each label, exact, in memory that does not grow with the rows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Longer texts are as good as never the same, and would take the room of many.
MOST_BYTES = 200
_CANDIDATES = 20  # for each text that is wanted

Rows = tuple[pa.Array, pa.Array]  # labels, texts


class Ranking(NamedTuple):
    """The most frequent texts of a label, with their counts.

    is_certain: no other text can be as frequent; else some that were dropped might be.
    """

    texts: tuple[tuple[str, int], ...]
    is_certain: bool = True


class TextRanking:
    """Counts the texts of each label as they come, and drops rare ones where it runs out of room.

    This is lossy counting (Manku and Motwani, 2002) by whole batches: a text that is not there at
    the end occurred no more often than what was dropped each time, so a second pass over the same
    rows counts the candidates, and says whether another text could be among them.
    """

    def __init__(self, room: int = 300_000) -> None:
        self._room = room
        self._waiting: list[pa.Table] = []
        self._dropped: Counter[str] = Counter()

    def add(self, labels: pa.Array, texts: pa.Array) -> None:
        """Count these rows."""
        rows = pa.table({"label": labels, "text": texts})
        rows = rows.filter(pc.less_equal(pc.binary_length(rows["text"]), MOST_BYTES))
        counted = rows.group_by(["label", "text"]).aggregate([([], "count_all")])
        self._waiting.append(counted.rename_columns(["label", "text", "count"]))
        if sum(map(len, self._waiting)) > 2 * self._room:
            self._merge()

    def top(
        self, labels: Collection[str], most: int, again: Callable[[], Iterable[Rows]]
    ) -> dict[str, Ranking]:
        """For each of these labels its `most` frequent texts; `again` gives all rows once more."""
        self._merge()
        (counts,) = self._waiting
        room = most * _CANDIDATES
        candidates, bounds = {}, {}
        for label in labels:
            own = counts.filter(pc.equal(counts["label"], label))
            rows = own.sort_by([("count", "descending"), ("text", "ascending")])
            candidates[label] = _counts(rows.slice(0, room))
            bounds[label] = self._dropped[label] + sum(_counts(rows.slice(room, 1)).values())
        doubted = {label: candidates[label] for label in labels if self._dropped[label]}
        exact = candidates | (_recounted(doubted, again()) if doubted else {})
        found = {}
        for label in labels:
            ranked = sorted(exact[label].items(), key=lambda pair: (-pair[1], pair[0]))[:most]
            # Of those that were dropped, each occurred so often at most.
            least = ranked[-1][1] if len(ranked) == most else 0
            is_certain = label not in doubted or least >= bounds[label]
            found[label] = Ranking(tuple(ranked), is_certain)
        return found

    def _merge(self) -> None:
        empty = pa.table({"label": pa.array([], pa.string()), "text": pa.array([], pa.string())})
        empty = empty.append_column("count", pa.array([], pa.int64()))
        merged = pa.concat_tables([empty, *self._waiting]).group_by(["label", "text"])
        counts = merged.aggregate([("count", "sum")]).rename_columns(["label", "text", "count"])
        self._waiting = [self._pruned(counts) if len(counts) > self._room else counts]

    def _pruned(self, counts: pa.Table) -> pa.Table:
        """The most frequent texts of each label, in half the room, by equal shares."""
        ordered = counts.sort_by([("label", "ascending"), ("count", "descending")])
        codes = ordered["label"].combine_chunks().dictionary_encode()
        names, indices = codes.dictionary.to_pylist(), codes.indices.to_numpy()
        starts = np.searchsorted(indices, np.arange(len(names)))
        rank = np.arange(len(ordered)) - starts[indices]
        share = max(1, self._room // 2 // len(names))
        first_dropped = ordered.filter(pa.array(rank == share))
        for label, count in zip(
            first_dropped["label"].to_pylist(), first_dropped["count"].to_pylist(), strict=True
        ):
            self._dropped[label] += count
        return ordered.filter(pa.array(rank < share))


def _counts(rows: pa.Table) -> dict[str, int]:
    return dict(zip(rows["text"].to_pylist(), rows["count"].to_pylist(), strict=True))


def _recounted(
    candidates: dict[str, dict[str, int]], rows: Iterable[Rows]
) -> dict[str, dict[str, int]]:
    """The candidates of each label with how often they occur in these rows."""
    texts = pa.array(sorted({text for own in candidates.values() for text in own}), pa.string())
    names = pa.array(sorted(candidates), pa.string())
    exact: dict[str, dict[str, int]] = {
        label: dict.fromkeys(candidates[label], 0) for label in candidates
    }
    for labels, own in rows:
        meant = pc.and_(pc.is_in(labels, value_set=names), pc.is_in(own, value_set=texts))
        table = pa.table({"label": labels, "text": own}).filter(meant)
        for row in table.group_by(["label", "text"]).aggregate([([], "count_all")]).to_pylist():
            if row["text"] in exact[row["label"]]:
                exact[row["label"]][row["text"]] += row["count_all"]
    return exact

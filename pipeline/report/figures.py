"""The tables of a run in, the figures of its report out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.drift.profile import CONFIDENCE_BINS
from pipeline.outputs.current import CanonicalNames
from pipeline.outputs.names.canonical import read_canonical_names
from pipeline.outputs.table_reader import resolved
from pipeline.report.reasons import COLUMNS, Reasons, count_reasons
from pipeline.report.tables import RunTables
from schemas.tables import ENTITIES, TABLES, since

RANKED_LABELS = 12
RANKED_TEXTS = 10
# Tenths of confidence, by the smallest of each.
TENTHS = tuple(f".{n}" if n else "0" for n in range(CONFIDENCE_BINS))
# From each of these shares up to the next.
UNKNOWN_BOUNDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)

# Longer texts are as good as never the same, and would take the room of many.
_MOST_BYTES = 200
_CANDIDATES = 20  # for each text that is wanted
_COUNTS = pa.schema([("label", pa.string()), ("text", pa.string()), ("count", pa.int64())])

Rows = tuple[pa.Array, pa.Array]  # labels, texts


@dataclass(frozen=True)
class LabelFigures:
    """The entities of one label.

    count: how many the run found; bins: how many of those that were read, and have a confidence,
    are in each tenth of it; mean_confidence: of these, None where there is none.
    """

    name: str
    count: int
    bins: tuple[int, ...]
    mean_confidence: float | None

    @property
    def doubtful(self) -> int:
        """Those that are more likely wrong than right."""
        return sum(self.bins[: CONFIDENCE_BINS // 2])


class Ranking(NamedTuple):
    """The most frequent texts of a label, with their counts.

    is_certain: no other text can be as frequent; else some that were dropped might be.
    """

    texts: tuple[tuple[str, int], ...]
    is_certain: bool = True


@dataclass(frozen=True)
class RunFigures:
    """What the tables of a run hold.

    labels: the most frequent first; top: texts of the first of these; unknown: documents by their
    share of unknown tokens, as `UNKNOWN_BOUNDS`, of those that have tokens; left_out: by table, how
    many rows were too many to be read for all this, where there were any.
    """

    labels: tuple[LabelFigures, ...]
    top: dict[str, Ranking]
    unknown: tuple[int, ...]
    without_entities: int
    reasons: Reasons
    left_out: dict[str, int]

    @property
    def bins(self) -> tuple[int, ...]:
        """Entities in each tenth of confidence."""
        return tuple(
            sum(label.bins[step] for label in self.labels) for step in range(CONFIDENCE_BINS)
        )


def find_figures(tables: RunTables) -> RunFigures:
    """Read the tables once, or twice where there are very many different texts."""
    labels, top = _entities(tables)
    unknown, without = _documents(tables)
    reasons = count_reasons(tables.batches("dead_letters", COLUMNS))
    left_out = {table: rows for table in TABLES if (rows := tables.left_out(table))}
    return RunFigures(labels, top, unknown, without, reasons, left_out)


def _entities(tables: RunTables) -> tuple[tuple[LabelFigures, ...], dict[str, Ranking]]:
    bins: Counter[tuple[str, int]] = Counter()
    sums: dict[str, float] = defaultdict(float)
    ranking = TextRanking()
    has_rows = False
    names = read_canonical_names(tables.root)
    for batch in _entity_batches(tables, names, "confidence"):
        has_rows = True
        ranking.add(*_named(batch, names))
        scored = batch.filter(batch["confidence"].is_valid())
        # Bins as in the baseline of a model, in the precision of the column.
        scaled = scored["confidence"].to_numpy() * np.float32(CONFIDENCE_BINS)
        steps = pa.array(np.minimum(scaled.astype(np.int64), CONFIDENCE_BINS - 1))
        columns = [scored["label"], steps, scored["confidence"]]
        groups = pa.table(columns, ["label", "step", "score"])
        sizes = groups.group_by(["label", "step"]).aggregate([("score", "count"), ("score", "sum")])
        for group in sizes.to_pylist():
            bins[group["label"], group["step"]] += group["score_count"]
            sums[group["label"]] += group["score_sum"]
    # A run that failed counts what it would have written, and has none of it.
    counts = tables.manifest["counts"]["entities_by_label"] if has_rows else {}
    labels = []
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        own = tuple(bins[name, step] for step in range(CONFIDENCE_BINS))
        mean = sums[name] / sum(own) if any(own) else None
        labels.append(LabelFigures(name, counts[name], own, mean))
    ranked = [figures.name for figures in labels[:RANKED_LABELS]]
    top = ranking.top(
        ranked,
        RANKED_TEXTS,
        lambda: (_named(batch, names) for batch in _entity_batches(tables, names)),
    )
    return tuple(labels), {name: ranking for name, ranking in top.items() if ranking.texts}


def _entity_batches(
    tables: RunTables, names: CanonicalNames | None, *columns: str
) -> Iterator[pa.RecordBatch]:
    """Label and text of the entities, these columns, and what their names depend on."""
    has_ids = names and tables.manifest["schema_version"] >= since(ENTITIES.field("entity_id"))
    wanted = ("label", "text", *columns, *(["entity_id"] if has_ids else []))
    yield from map(resolved, tables.batches("entities", wanted))


def _named(batch: pa.RecordBatch, names: CanonicalNames | None) -> Rows:
    """The labels of entities, and the names that stand for them; without names their texts."""
    return batch["label"], batch["text"] if names is None else names.of(batch)


def _documents(tables: RunTables) -> tuple[tuple[int, ...], int]:
    columns = ("tokens", "unknown_tokens", "entities")
    histogram = np.zeros(len(UNKNOWN_BOUNDS), np.int64)
    without = 0
    for batch in tables.batches("documents", columns):
        tokens, unknown, entities = (batch[name].to_numpy() for name in columns)
        shares = unknown[tokens > 0] / tokens[tokens > 0]
        steps = np.searchsorted(UNKNOWN_BOUNDS, shares, side="right") - 1
        histogram += np.bincount(steps, minlength=len(UNKNOWN_BOUNDS))
        without += int(np.count_nonzero(entities == 0))
    return tuple(histogram.tolist()), without


class TextRanking:
    """The most frequent texts of each label, exact, in memory that does not grow with the rows.

    Texts are counted as they come, and rare ones dropped where they run out of room. This is lossy
    counting (Manku and Motwani, 2002) by whole batches: a text that is not there at the end
    occurred no more often than what was dropped each time, so a second pass over the same rows
    counts the candidates, and says whether another text could be among them.
    """

    def __init__(self, room: int = 300_000) -> None:
        self._room = room
        self._waiting = [_COUNTS.empty_table()]
        self._dropped: Counter[str] = Counter()

    def add(self, labels: pa.Array, texts: pa.Array) -> None:
        """Count these rows."""
        is_short = pc.less_equal(pc.binary_length(texts), _MOST_BYTES)
        self._waiting.append(
            _counted(pa.table([labels, texts], _COUNTS.names[:2]).filter(is_short))
        )
        if sum(map(len, self._waiting)) > 2 * self._room:
            counts = self._merged()
            self._waiting = [self._pruned(counts) if len(counts) > self._room else counts]

    def top(
        self, labels: Collection[str], most: int, again: Callable[[], Iterable[Rows]]
    ) -> dict[str, Ranking]:
        """For each of these labels its `most` frequent texts; `again` gives all rows once more."""
        counts, room = self._merged(), most * _CANDIDATES
        candidates, bounds = {}, {}
        for label in labels:
            rows = counts.filter(pc.equal(counts["label"], label))
            rows = rows.sort_by([("count", "descending"), ("text", "ascending")])
            texts, numbers = (
                rows[name].slice(0, room + 1).to_pylist() for name in ("text", "count")
            )
            candidates[label] = dict(zip(texts[:room], numbers[:room], strict=True))
            bounds[label] = self._dropped[label] + sum(numbers[room:])
        doubted = {label: candidates[label] for label in labels if self._dropped[label]}
        exact = candidates | (_recounted(doubted, again()) if doubted else {})
        rankings = {}
        for label in labels:
            ranked = sorted(exact[label].items(), key=lambda pair: (-pair[1], pair[0]))[:most]
            # Of those that were dropped, each occurred so often at most.
            least = ranked[-1][1] if len(ranked) == most else 0
            is_certain = label not in doubted or least >= bounds[label]
            rankings[label] = Ranking(tuple(ranked), is_certain)
        return rankings

    def _merged(self) -> pa.Table:
        return _counted(pa.concat_tables(self._waiting), ("count", "sum"))

    def _pruned(self, counts: pa.Table) -> pa.Table:
        """The most frequent texts of each label, in half the room, by equal shares."""
        labels = counts["label"].unique().to_pylist()
        share = max(1, self._room // 2 // len(labels))
        kept = []
        for label in labels:
            rows = counts.filter(pc.equal(counts["label"], label)).sort_by(
                [("count", "descending")]
            )
            self._dropped[label] += sum(rows["count"].slice(share, 1).to_pylist())
            kept.append(rows.slice(0, share))
        return pa.concat_tables(kept)


def _counted(rows: pa.Table, number: tuple[object, str] = ([], "count_all")) -> pa.Table:
    """Rows of labels and texts in, each pair once with its number out."""
    return rows.group_by(_COUNTS.names[:2]).aggregate([number]).rename_columns(_COUNTS.names)


def _recounted(
    candidates: dict[str, dict[str, int]], rows: Iterable[Rows]
) -> dict[str, dict[str, int]]:
    """The candidates of each label with how often they occur in these rows."""
    texts = pa.array(sorted({text for own in candidates.values() for text in own}), pa.string())
    exact = {label: dict.fromkeys(own, 0) for label, own in candidates.items()}
    for labels, own in rows:
        pairs = pa.table([labels, own], _COUNTS.names[:2])
        for row in _counted(pairs.filter(pc.is_in(own, value_set=texts))).to_pylist():
            if row["text"] in exact.get(row["label"], ()):
                exact[row["label"]][row["text"]] += row["count"]
    return exact

"""The tables of a run in, the figures of its report out."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model.drift.profile import CONFIDENCE_BINS
from pipeline.outputs.table_reader import resolved
from pipeline.report.ranking import Ranking, Rows, TextRanking
from pipeline.report.reasons import COLUMNS, Reasons, count_reasons
from pipeline.report.tables import RunTables
from schemas.tables import TABLES

RANKED_LABELS = 12
RANKED_TEXTS = 10
# Tenths of confidence, by the smallest of each.
TENTHS = tuple(f".{n}" if n else "0" for n in range(CONFIDENCE_BINS))
# From each of these shares up to the next.
UNKNOWN_BOUNDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class LabelFigures:
    """The entities of one label.

    count: how many the run found; bins: how many of those that were read are in each tenth of
    confidence; mean_confidence: of these, None where there is none.
    """

    name: str
    count: int
    bins: tuple[int, ...]
    mean_confidence: float | None

    @property
    def doubtful(self) -> int:
        """Those that are more likely wrong than right."""
        return sum(self.bins[: CONFIDENCE_BINS // 2])


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
    for batch in tables.batches("entities", ("label", "text", "confidence")):
        labels = resolved(batch).column("label")
        ranking.add(labels, batch.column("text"))
        _add_confidences(labels, batch.column("confidence").to_numpy(), bins, sums)
    read: Counter[str] = Counter()
    for (label, _), count in bins.items():
        read[label] += count
    # A run that failed counts what it would have written, and has none of it.
    counts = tables.manifest["counts"]["entities_by_label"] if read else {}
    names = sorted(counts, key=lambda label: (-counts[label], label))
    found = tuple(
        LabelFigures(
            label,
            counts[label],
            tuple(bins[label, step] for step in range(CONFIDENCE_BINS)),
            sums[label] / read[label] if read[label] else None,
        )
        for label in names
    )
    top = ranking.top(names[:RANKED_LABELS], RANKED_TEXTS, lambda: _texts(tables))
    return found, {label: ranked for label, ranked in top.items() if ranked.texts}


def _texts(tables: RunTables) -> Iterator[Rows]:
    for batch in tables.batches("entities", ("label", "text")):
        yield resolved(batch).column("label"), batch.column("text")


def _add_confidences(
    labels: pa.Array,
    confidence: NDArray[np.float32],
    bins: Counter[tuple[str, int]],
    sums: dict[str, float],
) -> None:
    """Bins as in the baseline of a model, in the precision of the column."""
    codes = labels.dictionary_encode()
    names, indices = codes.dictionary.to_pylist(), codes.indices.to_numpy()
    scaled = confidence * np.float32(CONFIDENCE_BINS)
    steps = np.minimum(scaled.astype(np.int64), CONFIDENCE_BINS - 1)
    cells = np.bincount(indices * CONFIDENCE_BINS + steps, minlength=len(names) * CONFIDENCE_BINS)
    for place in np.flatnonzero(cells).tolist():
        bins[names[place // CONFIDENCE_BINS], place % CONFIDENCE_BINS] += int(cells[place])
    totals = np.bincount(indices, weights=confidence.astype(np.float64), minlength=len(names))
    for name, total in zip(names, totals.tolist(), strict=True):
        sums[name] += total


def _documents(tables: RunTables) -> tuple[tuple[int, ...], int]:
    histogram = np.zeros(len(UNKNOWN_BOUNDS), np.int64)
    without = 0
    for batch in tables.batches("documents", ("tokens", "unknown_tokens", "entities")):
        tokens, unknown, entities = (batch.column(place).to_numpy() for place in range(3))
        shares = unknown[tokens > 0] / tokens[tokens > 0]
        steps = np.searchsorted(UNKNOWN_BOUNDS, shares, side="right") - 1
        histogram += np.bincount(steps, minlength=len(UNKNOWN_BOUNDS))
        without += int(np.count_nonzero(entities == 0))
    return tuple(histogram.tolist()), without

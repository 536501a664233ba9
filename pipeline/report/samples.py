"""Which documents of a run its report shows, and what it shows of them.

Candidates are the first documents with entities of each row group, those whose text was kept where
there are any. Of these come the ones that the model is least sure of, and the ones it is surest of.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.outputs.table_reader import RowGroup, resolved
from pipeline.report.excerpts import Entity, Piece, excerpt, in_order
from pipeline.report.tables import RunTables
from schemas.errors import JobError

SHOWN = 20
_CANDIDATES = 2000
_MOST_ENTITIES = 20_000  # of one candidate
_ALL_ENTITIES = 300_000
_FEW = 3  # fewer entities than this make a document neither sure nor doubtful
SHOWN_SPANS = 40  # of a document without its text
_TEXT = 200  # code points of an entity that is listed

# The columns of `entities` that an entity is made of, by what it calls them.
_COLUMNS = {name: name for name in Entity._fields} | {"start": "start_char", "end": "end_char"}


class Candidate(NamedTuple):
    """A document that may be shown; place: its row among all of the table."""

    source: str
    doc_id: str
    place: int
    entities: int


@dataclass(frozen=True)
class Sample:
    """A document that is shown: as pieces of its text, or without it as its entities alone.

    Of confidence count the entities that have one.
    """

    document: Candidate
    is_doubtful: bool
    entities: tuple[Entity, ...]
    pieces: tuple[Piece, ...] = ()

    @property
    def confidences(self) -> tuple[float, ...]:
        return tuple(e.confidence for e in self.entities if e.confidence is not None)

    @property
    def mean_confidence(self) -> float | None:
        own = self.confidences
        return sum(own) / len(own) if own else None


class Samples(NamedTuple):
    """The documents that are shown, doubtful ones first; has_texts: whether any text was kept."""

    shown: tuple[Sample, ...]
    has_texts: bool


def choose_samples(tables: RunTables) -> Samples:
    """Up to 20 documents of a run."""
    candidates = _candidates(tables, with_text=True)
    has_texts = bool(candidates)
    if not has_texts:
        candidates = _candidates(tables, with_text=False)
    rows = _entities(tables, candidates)
    shown = _chosen(candidates, rows)
    if has_texts:
        texts = _texts(tables, {sample.document.place for sample in shown})
        shown = [_with_text(sample, texts[sample.document.place]) for sample in shown]
    return Samples(tuple(shown), has_texts)


def _with_text(sample: Sample, text: str) -> Sample:
    try:
        pieces = excerpt(text, sample.entities, doubtful_first=sample.is_doubtful)
    except ValueError as error:
        raise JobError(f"{sample.document.doc_id}: {error}") from error
    return replace(sample, pieces=tuple(pieces))


def _candidates(tables: RunTables, *, with_text: bool) -> list[Candidate]:
    """As many of each row group as it has of the rows, so that they come from the whole run."""
    total = sum(file["rows"] for file in tables.files("documents"))
    found: list[Candidate] = []
    entities, place = 0, 0
    for group in tables.row_groups("documents"):
        share = max(1, -(-_CANDIDATES * group.rows // total))
        for candidate in _of_group(group, share, place, with_text=with_text):
            if entities + candidate.entities <= _ALL_ENTITIES and len(found) < _CANDIDATES:
                entities += candidate.entities
                found.append(candidate)
        place += group.rows
        if len(found) >= _CANDIDATES:
            break
    return found


def _of_group(group: RowGroup, most: int, place: int, *, with_text: bool) -> Iterator[Candidate]:
    if with_text and group.has_only_nulls("text"):
        return
    columns = ["source", "doc_id", "entities"]
    for batch in group.batches([*columns, "text"] if with_text else columns):
        counts = batch["entities"].to_numpy()
        meant = (counts > 0) & (counts <= _MOST_ENTITIES)
        if with_text:
            meant &= batch["text"].is_valid().to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(meant)[:most]
        own = batch.select(columns).take(pa.array(rows))
        for row, values in zip(rows.tolist(), own.to_pylist(), strict=True):
            yield Candidate(place=place + row, **values)
        most -= len(rows)
        place += len(batch)
        if most <= 0:
            return


def _entities(tables: RunTables, candidates: Sequence[Candidate]) -> pa.Table:
    """The rows of the candidates, with plain columns as entities have them, and texts cut."""
    wanted = pa.array(sorted({candidate.doc_id for candidate in candidates}), pa.string())
    columns = {"source": "source", "doc_id": "doc_id", **_COLUMNS}
    pieces = [pa.table({name: [] for name in columns})]
    for batch in tables.batches("entities", [*columns.values()]) if candidates else ():
        own = resolved(batch.filter(pc.is_in(batch["doc_id"], value_set=wanted)))
        cut = pc.utf8_slice_codeunits(own["text"], 0, _TEXT)
        named = {name: own[column] for name, column in columns.items()}
        pieces.append(pa.table({**named, "text": cut}))
    return pa.concat_tables(pieces, promote_options="default")


def _chosen(candidates: Sequence[Candidate], rows: pa.Table) -> list[Sample]:
    """Half of them doubtful, half of them sure; those that could be either are what they are more.

    A document of which other rows than it counts were found is left out: its id is not its own.
    """
    sums = [([], "count_all"), ("confidence", "count"), ("confidence", "sum")]
    totals = rows.group_by(["source", "doc_id"]).aggregate(sums).to_pylist()
    by_key = {(row["source"], row["doc_id"]): row for row in totals}
    ranks: dict[Candidate, tuple[float, int]] = {}
    for candidate in candidates:
        total = by_key.get((candidate.source, candidate.doc_id))
        if total and total["count_all"] == candidate.entities:
            count, confidence = total["confidence_count"], total["confidence_sum"] or 0.0
            # As if further entities of middling confidence made up for those that it lacks.
            missing = max(0, _FEW - count)
            ranks[candidate] = (confidence + missing / 2) / (count + missing), candidate.place
    ranked = sorted(ranks, key=ranks.__getitem__)
    half = min(SHOWN // 2, (len(ranked) + 1) // 2)
    doubtful, sure = ranked[:half], ranked[half:][::-1][: SHOWN - half]
    own = _entities_of([*doubtful, *sure], rows)
    return [
        Sample(candidate, candidate in doubtful, tuple(own[candidate]))
        for candidate in (*doubtful, *sure)
    ]


def _entities_of(chosen: Sequence[Candidate], rows: pa.Table) -> dict[Candidate, list[Entity]]:
    keys = {(candidate.source, candidate.doc_id): candidate for candidate in chosen}
    ids = pa.array(sorted({candidate.doc_id for candidate in chosen}), pa.string())
    found: dict[Candidate, list[Entity]] = defaultdict(list)
    few = rows.filter(pc.is_in(rows["doc_id"], value_set=ids)) if len(rows) else rows
    for row in few.to_pylist():
        candidate = keys.get((row.pop("source"), row.pop("doc_id")))
        if candidate:
            found[candidate].append(Entity(**row))
    return {candidate: in_order(own) for candidate, own in found.items()}


def _texts(tables: RunTables, places: Iterable[int]) -> dict[int, str]:
    """The texts at these places of the table; it is read no further than needed."""
    texts: dict[int, str] = {}
    wanted, start = sorted(places), 0
    for group in tables.row_groups("documents"):
        within = [place - start for place in wanted if start <= place < start + group.rows]
        row = 0
        for batch in group.batches(["text"]) if within else ():
            for place in within:
                if row <= place < row + len(batch):
                    texts[start + place] = batch["text"][place - row].as_py()
            row += len(batch)
            if row > within[-1]:
                break
        start += group.rows
        if len(texts) == len(wanted):
            break
    return texts

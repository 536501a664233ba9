"""What counts of an output: a fold over the manifests of its runs, and the rows it leaves.

A source counts as its last complete run saw it: what earlier runs found in it is superseded. Runs
that repaired its dead letters (`--input_format dead_letters`) count beside that run. There is no
other state, so no two runs can race for it.

Needs nothing but Python and pyarrow: `python -m jobs.runs view` puts a copy into the output, for
those who read it elsewhere:

    import current
    entities = current.read_table("out", "entities").to_pandas()
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

if TYPE_CHECKING:
    from schemas.manifest import Manifest


RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
TABLE_FILE = r"part-(?:[0-9a-f]{32}|empty)\.parquet"
_TABLE_FILE = re.compile(TABLE_FILE)
# Text whose values repeat: as dictionaries, a long path is in memory once.
_REPEATED = ("source", "label", "model", "origin", "stage", "error")
_CANONICAL = "canonical"
_NAMED_BY = ("label", "entity_id", "text")  # what a name is looked up by
_BETWEEN = "\x1f"  # in no label


class CurrentSource(NamedTuple):
    """Where the rows of a source stand that count.

    run_id: the run that read it; fingerprint: the state that it was in; complete: whether it was
    read to its end; repairs: the runs that read its dead letters again, in their order.
    """

    run_id: str
    fingerprint: str
    complete: bool
    repairs: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[str, ...]:
        """All runs whose documents and entities of this source count."""
        return (self.run_id, *self.repairs)


def committed_runs(manifests: "Iterable[Manifest]") -> "list[Manifest]":
    """The runs that count, oldest first: committed, and not replaced by a run made of them."""
    return [run for run in by_age(not_replaced(manifests)) if run["status"] == "committed"]


def not_replaced(manifests: "Iterable[Manifest]") -> "list[Manifest]":
    """Runs in, those out that no committed run was made of."""
    runs = list(manifests)
    committed = [run for run in runs if run["status"] == "committed"]
    replaced = {run_id for run in committed for run_id in run.get("replaces", ())}
    return [run for run in runs if run["run_id"] not in replaced]


def by_age(manifests: "Iterable[Manifest]") -> "list[Manifest]":
    """Runs in the order in which they count: oldest first."""
    return sorted(manifests, key=lambda run: (run["timings"]["started_at"], run["run_id"]))


def next_start(manifests: "Iterable[Manifest]", now: datetime) -> datetime:
    """When a run starts that is to count after all others, whatever the clock was set to."""
    times = [datetime.fromisoformat(run["timings"]["started_at"]) for run in manifests]
    return max(now, *(time + timedelta(microseconds=1) for time in times)) if times else now


def current_sources(manifests: "Iterable[Manifest]") -> dict[str, CurrentSource]:
    """The manifests of an output in, what counts of each source out.

    A run that could not read a source to its end replaces no complete one.
    """
    current: dict[str, CurrentSource] = {}
    for manifest in committed_runs(manifests):
        run_id = manifest["run_id"]
        for entry in manifest["inputs"]:
            source, before = entry["source"], current.get(entry["source"])
            if entry.get("repairs"):
                if before and before.run_id == entry["repairs"]:
                    current[source] = before._replace(repairs=(*before.repairs, run_id))
            elif entry["complete"] or not (before and before.complete):
                current[source] = CurrentSource(run_id, entry["fingerprint"], entry["complete"])
    return current


class RunRows(NamedTuple):
    """Rows of one run that count: of these sources, with `whole_shards` only such dead letters."""

    run_id: str
    sources: Sequence[str]
    whole_shards: bool = False

    def matches(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which of the run's rows they are."""
        counts = pc.is_in(rows["source"], value_set=pa.array(self.sources, pa.string()))
        return pc.and_(counts, pc.is_null(rows["record"])) if self.whole_shards else counts


def rows_that_count(sources: Mapping[str, CurrentSource], table: str) -> list[RunRows]:
    """What counts of each source in, where its rows of a table are out.

    A repair reads all dead letters of a source again, but those of whole shards: where there was
    one, the other dead letters are those of the last.
    """
    by_run: dict[tuple[str, bool], list[str]] = {}
    for source, state in sources.items():
        places = [(run_id, False) for run_id in state.runs]
        if table == "dead_letters":
            places = [(state.runs[-1], False)]
            if state.repairs:
                places.append((state.run_id, True))
        for place in places:
            by_run.setdefault(place, []).append(source)
    return [RunRows(run_id, tuple(own), whole) for (run_id, whole), own in sorted(by_run.items())]


def manifest_flaw(manifest: "Manifest", name: str) -> str | None:
    """Why the manifest in a file of this name is not to be believed; None where it is.

    Ids and paths in it say what is read, and what is removed: a run has files of its own alone.
    Raises KeyError, TypeError or AttributeError for what is no manifest.
    """
    run_id = manifest["run_id"]
    for known in (run_id, *manifest.get("replaces", ())):
        if not RUN_ID.fullmatch(known):
            return f"{known!r} is no run id"
    if f"{run_id}.json" != name:
        return f"it is the manifest of another run, {run_id!r}"
    for table, written in manifest.get("tables", {}).items():
        folder = f"{table}/run_id={run_id}/"
        for file in written["files"]:
            path = file["path"]
            if not path.startswith(folder) or not _TABLE_FILE.fullmatch(path, len(folder)):
                return f"{path!r} is no file of this run"
    return None


def read_manifests(root: str) -> "list[Manifest]":
    """The manifests of an output; `root` is a directory or a URL that pyarrow knows.

    Raises ValueError for a manifest that is not to be believed.
    """
    filesystem, base = _filesystem(root)
    files = filesystem.get_file_info(fs.FileSelector(f"{base}/runs", allow_not_found=True))
    manifests = []
    for file in files:
        if file.path.endswith(".json"):
            with filesystem.open_input_stream(file.path) as stream:
                manifests.append(json.loads(stream.read()))
            flaw = manifest_flaw(manifests[-1], file.base_name)
            if flaw:
                raise ValueError(f"{file.path}: {flaw}")
    return manifests


def read_table(
    root: str,
    table: str,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """The rows that count of `entities`, `documents` or `dead_letters`, with their `run_id`.

    Every document is there once. A column that older runs lack is null there; text whose values
    repeat, such as `source` and `label`, comes as dictionaries. Entities have a column more than
    their files, `canonical`: the name that stands for them in the table of names, or else their
    text. where: a condition on columns that all runs have. Raises ValueError where no run has been
    committed yet.
    """
    import pyarrow.dataset as ds  # it imports pandas where that is installed: 0.3 s

    manifests = {manifest["run_id"]: manifest for manifest in read_manifests(root)}
    filesystem, base = _filesystem(root)
    wanted = rows_that_count(current_sources(manifests.values()), table)
    if not wanted:
        raise ValueError(f"{root} has no committed run")
    read_options = ds.ParquetReadOptions(dictionary_columns=set(_REPEATED))
    parquet = ds.ParquetFileFormat(read_options=read_options)
    is_named = table == "entities" and (columns is None or _CANONICAL in columns)
    read = columns if columns is None or not is_named else (*columns, *_NAMED_BY)
    tables = []
    for rows in wanted:
        manifest = manifests[rows.run_id]
        files = [f"{base}/{file['path']}" for file in manifest["tables"][table]["files"]]
        dataset = ds.dataset(files, filesystem=filesystem, format=parquet)
        found = dataset.to_table(
            columns=[name for name in dataset.schema.names if read is None or name in read],
            filter=_both(_condition(rows, manifest), where),
        )
        run_ids = pa.array([rows.run_id], pa.string()).take(pa.array([0] * len(found), pa.int32()))
        tables.append(found.append_column("run_id", run_ids))
    found = pa.concat_tables(tables, promote_options="default")
    if not is_named:
        return found
    extra = [name for name in found.column_names if columns and name not in (*columns, "run_id")]
    return found.append_column(_CANONICAL, _canonical(root, found)).drop_columns(extra)


def read_names(root: str) -> pa.Table:
    """The table of names as `jobs.resolve` made it; raises FileNotFoundError where it made none.

    It has each text, label and id of entities once: `surface`, `label` and `entity_id`.
    """
    import pyarrow.parquet as pq  # as above

    filesystem, base = _filesystem(root)
    with filesystem.open_input_file(f"{base}/names/names.parquet") as stream:
        return pq.read_table(stream)


class CanonicalNames:
    """A table of names, by which texts are looked up; what it lacks has its own text."""

    def __init__(self, names: pa.Table) -> None:
        others = names.filter(pc.not_equal(names["surface"], names["canonical"]))
        self._keys = _keys(others, "surface")
        self._canonical = others["canonical"].combine_chunks()

    def of(self, entities: pa.Table | pa.RecordBatch) -> pa.ChunkedArray | pa.Array:
        """The name of each entity, by its label, its id and its text."""
        place = pc.index_in(_keys(entities, "text"), value_set=self._keys)
        return pc.coalesce(self._canonical.take(place), entities["text"])


def _keys(rows: pa.Table | pa.RecordBatch, text: str) -> pa.ChunkedArray | pa.Array:
    ids = pa.scalar("")  # files before version 5 have none
    if "entity_id" in rows.schema.names:
        ids = pc.fill_null(rows["entity_id"], "")
    return pc.binary_join_element_wise(rows["label"].cast(pa.string()), ids, rows[text], _BETWEEN)


def _canonical(root: str, entities: pa.Table) -> pa.ChunkedArray:
    """What each entity is called; its own text where there is no table of names."""
    try:
        names = CanonicalNames(read_names(root))
    except FileNotFoundError:
        return entities["text"]
    return names.of(entities)


def _condition(rows: RunRows, manifest: "Manifest") -> pc.Expression | None:
    """What a row of the run must fulfil; None where all of them count."""
    condition = None
    if {entry["source"] for entry in manifest["inputs"]}.difference(rows.sources):
        condition = pc.field("source").cast(pa.string()).isin(list(rows.sources))
    if rows.whole_shards:
        condition = _both(condition, pc.field("record").is_null())
    return condition


def _both(one: pc.Expression | None, other: pc.Expression | None) -> pc.Expression | None:
    return other if one is None else one if other is None else one & other


def _filesystem(root: str) -> tuple[fs.FileSystem, str]:
    if "://" in root:
        filesystem, base = fs.FileSystem.from_uri(root)
        return filesystem, base.rstrip("/")
    return fs.LocalFileSystem(), root.rstrip("/") or "/"

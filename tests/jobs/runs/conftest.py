"""What tests of `jobs.runs` share: outputs of real files and manifests, made without a model."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

import schemas
from pipeline.outputs.current import current_sources, read_manifests, read_table
from pipeline.outputs.description import Part, RunDescription, installed_versions
from pipeline.outputs.manifest.encoding import encode_manifest
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.transactions import commit_nothing, commit_run
from pipeline.report.write import write_report
from pipeline.stages.row_sinks import DeadLetterSink, TaggedSink, WriteConfig
from schemas.manifest import Configuration, Manifest
from schemas.records import (
    ORIGINS,
    DeadLetter,
    Document,
    ListedEntities,
    Origin,
    ShardResult,
    TaggedDocument,
)
from schemas.tables import TABLES, since
from tests.builders import configuration

MODEL = "tiny@0123456789ab"
CONFIGURATION = configuration(keep_fields=("year",))
VERSIONS = installed_versions()
WORDS = ("met", "Bo", "in", "Oslo")
FOUND_BY: tuple[Origin, ...] = ("model", "gazetteer")  # the entities of each document


@dataclass(frozen=True)
class Read:
    """What a run finds in a source.

    documents: their ids; unread: records whose id stands in their bytes alone; failed: ids of
    records that a later stage set aside; keep_fields: as of the run, of which all reads have them.
    """

    source: str
    documents: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    fingerprint: str = "1-1"
    broken: bool = False
    repairs: str | None = None
    keep_fields: tuple[str, ...] = ("year",)

    def letters(self) -> list[DeadLetter]:
        letters = [
            DeadLetter(
                *(self.source, 1000 + n, None, "ReadDocuments", "RecordError", "No text."),
                raw=json.dumps({"id": name, "text": None}).encode(),
            )
            for n, name in enumerate(self.unread)
        ]
        letters += [
            DeadLetter(
                *(self.source, 2000 + n, name, "TagBatches", "MemoryError", "Too long."),
                raw=f"{name} left.".encode(),
                kept_fields=("1892",) * len(self.keep_fields),
            )
            for n, name in enumerate(self.failed)
        ]
        if self.broken:
            broken = (self.source, None, None, "ReadDocuments", "EOFError", "Broke off.")
            letters.append(DeadLetter(*broken))
        return letters

    def tagged(self) -> list[TaggedDocument]:
        return [_tagged(self, n, name) for n, name in enumerate(self.documents)]


def _tagged(read: Read, record: int, name: str) -> TaggedDocument:
    kept = tuple(f"{field} of {name}" for field in read.keep_fields)
    text = " ".join([name, *WORDS])
    start = np.array([0, len(name) + 8], np.int32)
    end = np.array([len(name), len(name) + 10], np.int32)
    return TaggedDocument(
        document=Document(name, read.source, record, text, kept),
        sentences=1,
        tokens=5,
        unknown_tokens=2,
        sentence_lengths=np.array([5], np.int32),
        sentence=np.zeros(2, np.int32),
        sentence_start=np.zeros(2, np.int32),
        sentence_end=np.full(2, len(text), np.int32),
        start_char=start,
        end_char=end,
        labels=("per", "geo"),
        confidence=np.array([0.5, np.nan], np.float32),
        listed=ListedEntities(np.array(list(map(ORIGINS.index, FOUND_BY))), (None, "Q585")),
    )


@dataclass(frozen=True)
class MadeOutput:
    """An output with runs that never ran: their files and manifests are as the pipeline's."""

    root: Path
    read: ClassVar[type[Read]] = Read

    def storage(self, run_id: str) -> RunStorage:
        return run_storage(str(self.root), run_id)

    def commit(
        self,
        run_id: str,
        *reads: Read,
        model: str = MODEL,
        started: str | None = None,
        part: Part | None = None,
        allowed: float = 1.0,
        **settings: Any,
    ) -> Manifest:
        """Write a run of these reads; by default it starts after all that are there."""
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=len(self.manifests()))
        at = datetime.fromisoformat(started) if started else at
        if any(read.repairs for read in reads):
            settings["input_format"] = "dead_letters"
        kept = reads[0].keep_fields if reads else ("year",)
        settings["keep_fields"] = list(kept)
        storage = self.storage(run_id)
        run = RunDescription(
            run_id=run_id,
            started_at=at,
            model=model,
            configuration=cast(Configuration, {**CONFIGURATION, **settings}),
            inputs={read.source: read.fingerprint for read in reads},
            shards=[(read.source, 0) for read in reads],
            keep_fields=kept,
            max_dead_letters=allowed,
            part=part,
            repairs={read.source: read.repairs for read in reads if read.repairs},
            versions=VERSIONS,
        )
        storage.prepare()
        config = WriteConfig(storage, RowConfig(model, at, kept, 1.0), 10**9)
        tagged, letters = TaggedSink(config), DeadLetterSink(config)
        for read in reads:
            if read.documents:
                tagged.write(read.tagged())
            letters.write(read.letters())
        files = [*tagged.close(), *letters.close()]
        shards = [
            ShardResult(read.source, 0, read.fingerprint, _records(read), not read.broken)
            for read in reads
        ]
        if reads:
            manifest = commit_run(files, shards, run, storage)
        else:
            manifest = commit_nothing(run, storage, with_tables=len(self.manifests()) == 0)
        storage.discard_staging()
        return manifest

    def make_older(self, run_id: str, version: int = 1) -> None:
        """Have the run's tables as this version wrote them: without what has come since."""
        manifest = self.manifests()[run_id]
        manifest["schema_version"] = version
        for table, told in manifest["tables"].items():
            for file in told["files"]:
                path = self.root / file["path"]
                rows = pq.read_table(path)
                newer = [field.name for field in TABLES[table] if since(field) > version]
                rows = rows.drop_columns(newer)
                if "origin" in newer:
                    place = rows.schema.get_field_index("confidence")
                    field = rows.schema.field("confidence").with_nullable(nullable=False)
                    rows = rows.set_column(place, field, rows["confidence"].fill_null(0.75))
                metadata = {
                    **rows.schema.metadata,
                    b"gleaner.schema_version": str(version).encode(),
                }
                pq.write_table(rows.replace_schema_metadata(metadata), path, compression="zstd")
                data = path.read_bytes()
                file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            told["bytes"] = sum(file["bytes"] for file in told["files"])
        (self.root / f"runs/{run_id}.json").write_bytes(encode_manifest(manifest))

    def manifests(self) -> dict[str, Manifest]:
        """The manifests by run id."""
        return {told["run_id"]: told for told in read_manifests(str(self.root))}

    def view(self) -> dict[str, list[str]]:
        """The rows of each table that count, without the names of their runs."""
        if not current_sources(self.manifests().values()):
            return {table: [] for table in TABLES}
        return {table: sorted(map(_shown, self._counting(table))) for table in TABLES}

    def _counting(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = read_table(str(self.root), table).to_pylist()
        return rows

    def files(self) -> set[str]:
        """All files below the output but its lock."""
        found = {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}
        return found - {".lock"}

    def data(self) -> dict[str, bytes]:
        """The bytes of all these files."""
        return {name: (self.root / name).read_bytes() for name in self.files()}

    def report(self, *run_ids: str) -> None:
        """Have these runs a report, as the pipeline writes one."""
        for run_id in run_ids:
            write_report(self.storage(run_id), self.manifests()[run_id])

    def reports(self) -> dict[str, str]:
        """The reports by run id."""
        pages = self.root.glob("reports/*.html")
        return {path.stem: path.read_text("utf-8") for path in pages}

    def require_sound(self) -> None:
        """Manifests are valid; what they say of files and rows is so; there are no other files.

        But for reports of these runs.
        """
        named = {f"reports/{run_id}.html" for run_id in self.reports().keys() & self.manifests()}
        for run_id, manifest in self.manifests().items():
            assert [error.message for error in _validator().iter_errors(manifest)] == []
            named.add(f"runs/{run_id}.json")
            for table, told in manifest.get("tables", {}).items():
                assert told["rows"] == sum(file["rows"] for file in told["files"])
                assert told["bytes"] == sum(file["bytes"] for file in told["files"])
                for file in told["files"]:
                    named.add(file["path"])
                    data = (self.root / file["path"]).read_bytes()
                    assert hashlib.sha256(data).hexdigest() == file["sha256"]
                    assert len(data) == file["bytes"]
                    assert pq.read_metadata(self.root / file["path"]).num_rows == file["rows"]
                assert told["rows"] > 0 or len(told["files"]) == 1, table
            if manifest["status"] == "committed":
                self._require_counts(manifest)
        assert self.files() - {"forgotten.json", ".forgotten.json.partial"} == named
        directories = {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_dir()}
        directories -= {"_staging", "reports"}  # may be empty: a kill came before they were removed
        assert directories <= {"runs", *TABLES, *(name.rpartition("/")[0] for name in named)}

    def _require_counts(self, manifest: Mapping[str, Any]) -> None:
        rows = {
            table: [
                row
                for file in told["files"]
                for row in pq.read_table(self.root / file["path"]).to_pylist()
            ]
            for table, told in manifest["tables"].items()
        }
        rows["dead_letters"] = [row for row in rows["dead_letters"] if row["record"] is not None]
        counts = manifest["counts"]
        for table, found in rows.items():
            assert counts[table] == len(found), table
            for entry in manifest["inputs"]:
                own = [row for row in found if row["source"] == entry["source"]]
                assert entry[table] == len(own), entry
        assert counts["records"] == counts["documents"] + counts["dead_letters"]
        assert counts["tokens"] == sum(row["tokens"] for row in rows["documents"])
        assert sum(counts["entities_by_label"].values()) == counts["entities"]
        assert counts["files"] == len(manifest["inputs"])


def _shown(row: Mapping[str, Any]) -> str:
    """Without columns that an older version of the tables may lack where they are null."""
    known = {name: value for name, value in row.items() if name != "run_id" and value is not None}
    return str(sorted(known.items()))


def _records(read: Read) -> dict[str, int]:
    return {read.source: len(read.documents) + len(read.unread) + len(read.failed)}


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    path = Path(schemas.__file__).with_name("manifest.schema.json")
    return jsonschema.Draft202012Validator(
        json.loads(path.read_text()), format_checker=jsonschema.FormatChecker()
    )


MakeOutput = Callable[[], MadeOutput]


@pytest.fixture(scope="session")
def make_output(tmp_path_factory: pytest.TempPathFactory) -> MakeOutput:
    """Makes an output without runs."""

    def make() -> MadeOutput:
        root = tmp_path_factory.mktemp("runs") / "out"
        root.mkdir()
        return MadeOutput(root)

    return make


@pytest.fixture
def output(make_output: MakeOutput) -> MadeOutput:
    """An output without runs."""
    return make_output()


@pytest.fixture(scope="session", autouse=True)
def _share_taggers(kept_taggers: None) -> None:
    """All runs here."""

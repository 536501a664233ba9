"""What tests of several stages share: records made from a text and its spans, a filled bucket."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model.segmentation import Segmentation, tokenize_document
from pipeline.current import read_table
from pipeline.filesystems import filesystems
from pipeline.manifest import RunDescription
from pipeline.output import read_manifests
from pipeline.plan import write_plan
from pipeline.storage import RunStorage
from schemas.records import Document, Shard, TaggedDocument, TokenizedDocument
from schemas.tables import TABLES

Span = tuple[str, str, float]  # the entity's words, its label, its confidence

MakeTokenized = Callable[[str, str], TokenizedDocument]
MakeTagged = Callable[..., TaggedDocument]
MakePlan = Callable[[Path, Sequence[Shard]], RunStorage]


ChildrenOf = Callable[[int], list[int]]


@pytest.fixture(scope="session")
def children_of() -> ChildrenOf:
    """The living processes that a process started, by the system's own account."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("looks for processes in /proc")

    def find(parent: int) -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    return find


@pytest.fixture(scope="session")
def make_plan() -> MakePlan:
    """The storage of a run in a directory, with the plan of these shards."""

    def make(root: Path, shards: Sequence[Shard]) -> RunStorage:
        storage = RunStorage(str(root), "r1")
        inputs = {shard.source: shard.fingerprint for shard in shards}
        run = RunDescription("r1", datetime(2026, 1, 1, tzinfo=UTC), "tiny@0", {}, inputs)
        write_plan(storage, run, shards)
        return storage

    return make


@pytest.fixture(scope="session")
def make_tokenized() -> MakeTokenized:
    """A tokenized document from its id and its text."""

    def make(doc_id: str, text: str) -> TokenizedDocument:
        return tokenize_document(Document(doc_id, "in.jsonl", 0, text), Segmentation())

    return make


@pytest.fixture(scope="session")
def make_tagged() -> MakeTagged:
    """A tagged document whose entities are the first places of the given words in its text."""

    def make(document: Document, *spans: Span) -> TaggedDocument:
        tokenized = tokenize_document(document, Segmentation())
        starts = np.array([document.text.index(words) for words, _, _ in spans], np.int32)
        ends = starts + np.array([len(words) for words, _, _ in spans], np.int32)
        sentence = np.searchsorted(tokenized.sentence_start, starts, side="right") - 1
        return TaggedDocument(
            document=document,
            sentences=len(tokenized.sentence_start),
            tokens=len(tokenized.words),
            unknown_tokens=len(tokenized.words) // 3,
            sentence_lengths=np.diff(tokenized.sentence_offsets),
            sentence=sentence.astype(np.int32),
            sentence_start=tokenized.sentence_start[sentence],
            sentence_end=tokenized.sentence_end[sentence],
            start_char=starts,
            end_char=ends.astype(np.int32),
            labels=tuple(label for _, label, _ in spans),
            confidence=np.array([confidence for _, _, confidence in spans], np.float32),
        )

    return make


Fill = Callable[[str], list[str]]

_LINES = [
    json.dumps(
        {"id": f"d{n}", "text": f"Maria met {n} ships in Lisbon. The river froze on Monday."}
    )
    for n in range(20)
]


@pytest.fixture(scope="session")
def shards() -> dict[str, bytes]:
    """Two shards by their names: of 20 documents, and a record that is none."""
    ends = {"a.jsonl": _LINES[:12], "b.jsonl": [*_LINES[12:], json.dumps({"id": "bad"})]}
    return {name: "\n".join(lines).encode() for name, lines in ends.items()}


@pytest.fixture(scope="session")
def objects(shards: dict[str, bytes], tiny_artifact: Path) -> dict[str, bytes]:
    """Shards and a model by their keys in a bucket."""
    model = {f"models/tiny/{file.name}": file.read_bytes() for file in tiny_artifact.iterdir()}
    return {**{f"in/{name}": data for name, data in shards.items()}, **model}


@pytest.fixture(scope="session")
def flags_of() -> Callable[[str], list[str]]:
    """The URL of such a bucket in, the flags that name these and an output beside them out."""
    return lambda bucket: [
        f"--input={bucket}/in/*.jsonl",
        f"--model={bucket}/models/tiny",
        f"--output={bucket}/out",
        "--max_dead_letters=0.2",
    ]


@pytest.fixture(scope="session")
def fill(objects: dict[str, bytes], flags_of: Callable[[str], list[str]]) -> Fill:
    """Put shards and a model into a bucket; the flags that name them and an output beside them."""
    import boto3

    def filled(bucket: str) -> list[str]:
        client = boto3.client("s3")
        for key, data in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=data)
        return flags_of(f"s3://{bucket}")

    return filled


@pytest.fixture
def there(fill: Fill, bucket: str) -> list[str]:
    """The flags of a run whose input, model and output are in the bucket."""
    return fill(bucket)


@pytest.fixture(scope="session")
def local(
    shards: dict[str, bytes],
    tiny_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
    kept_taggers: None,
) -> Path:
    """The output of a run over the shards on a local disk."""
    from pipeline.run import run

    place = tmp_path_factory.mktemp("local")
    for name, data in shards.items():
        (place / name).write_bytes(data)
    flags = [f"--input={place}/*.jsonl", f"--model={tiny_artifact}", "--direct_num_workers=1"]
    assert run([*flags, f"--output={place}/out", "--run_id=r1"]) == 0
    return place / "out"


InOrder = Callable[[str, pa.Table], pa.Table]

_VARIES = ("run_id", "processed_at", "source", "confidence", "content_hash")


@pytest.fixture
def require_same(local: Path, in_order: InOrder) -> Callable[[str], None]:
    """The rows of an output in a bucket are those on the disk, and it has no other objects."""

    def rows(root: str, table: str) -> pa.Table:
        found = in_order(table, read_table(root, table))
        return found.drop_columns([name for name in _VARIES if name in found.column_names])

    def require(root: str) -> None:
        for table in TABLES:
            assert rows(root, table).num_rows, table
            assert rows(root, table).equals(rows(str(local), table)), table
        (manifest,) = read_manifests(root)
        named = [file["path"] for told in manifest["tables"].values() for file in told["files"]]
        (below,) = filesystems().match([f"{root}/**"])
        paths = sorted(entry.path for entry in below.metadata_list)
        assert paths == sorted(f"{root}/{path}" for path in [*named, "runs/r1.json"])

    return require


@pytest.fixture(scope="session", autouse=True)
def _share_taggers(kept_taggers: None) -> None:
    """All runs here."""

"""What tests of several packages share: shared data, a small model, and where training runs."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import settings

from model.host.installation import TRAINING_MODULES
from model.tagger.artifact import Artifact, save_artifact
from model.tagger.encoding import CASINGS, WordEncoder
from model.tagger.vocabulary import RESERVED, Vocabulary
from model.tagger.weights import TaggerWeights
from model.tags import SCHEMES, TagSet
from model.text.segmentation import Segmentation
from pipeline.filesystems.beam import filesystems
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.current import read_table
from schemas.records import Floats
from schemas.tables import TABLES

# An example's first run may import TensorFlow or open a file; pytest's own timeout bounds the rest.
# The same examples at each run, so that a green tree stays green; `make test-all` draws new ones,
# four times as many where a test does not say how many.
settings.register_profile("search", deadline=None, print_blob=True, max_examples=200)
settings.register_profile("gleaner", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("gleaner")


_WORDS = (
    *("the", "a", "of", "in", "to", "and", "on", "at", ".", ",", "is", "was", "said", "met"),
    *("maria", "lisbon", "harbour", "ships", "monday", "river", "council", "00", "0000"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what trains where the packages for it are missing."""
    missing = [name for name in TRAINING_MODULES if find_spec(name) is None]
    if not missing:
        return
    for item in items:
        if item.get_closest_marker("training"):
            item.add_marker(pytest.mark.skip(reason=f"training needs {', '.join(missing)}"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared corpora that the environment names; without it the test is skipped."""
    folder = os.environ.get("GLEANER_DATA")
    if not folder:
        pytest.skip("GLEANER_DATA does not name the folder of shared corpora")
    return Path(folder)


def tiny_weights(vocabulary: Vocabulary, tags: TagSet, seed: int = 7) -> TaggerWeights:
    """Random weights, large enough that an untrained tagger finds entities in ordinary text."""
    random = np.random.default_rng(seed)
    embedding, vector, casing, character, filters, width, units = 8, 3, 4, 4, 6, 3, 7
    features, count = embedding + casing + filters, len(tags.tags)
    words = len(vocabulary.words) + RESERVED

    def normal(*shape: int) -> Floats:
        return random.normal(size=shape).astype(np.float32)

    vectors, more = (
        np.random.default_rng(seed + 1).normal(scale=0.1, size=size).astype(np.float32)
        for size in ((words, vector), (2, vector, 4 * units))
    )
    return TaggerWeights(
        words=normal(words, embedding)[:-2],  # the last two words have only a vector
        vectors=vectors,
        casing=normal(CASINGS, casing),
        characters=normal(len(vocabulary.characters) + RESERVED, character),
        convolution_kernel=normal(width, character, filters),
        convolution_bias=normal(filters),
        lstm_kernel=np.insert(normal(2, features, 4 * units), [embedding] * vector, more, axis=1),
        lstm_recurrent=normal(2, units, 4 * units) / 2,
        lstm_bias=normal(2, 4 * units),
        dense_kernel=normal(2 * units, count) * 2,
        dense_bias=normal(count),
        start=np.where(tags.legal_start, normal(count), -np.inf).astype(np.float32),
        transitions=np.where(tags.legal_transition, normal(count, count), -np.inf).astype(
            np.float32
        ),
        end=np.where(tags.legal_end, normal(count), -np.inf).astype(np.float32),
    ).as_stored()


def _tiny_model(scheme: str) -> Artifact:
    vocabulary = Vocabulary(_WORDS, tuple("etaoinshrdlcumwfgypbvk.,M0"))
    tags = TagSet.from_labels(("geo", "org", "per"), scheme)
    return Artifact(
        name="tiny",
        segmentation=Segmentation(),
        encoder=WordEncoder(vocabulary, 12),
        tags=tags,
        weights=tiny_weights(vocabulary, tags),
        training={"seed": 7},
        metrics={"scores": {}},
        baseline={"tokens": 0},
    )


@pytest.fixture(scope="session")
def tiny_models() -> Mapping[str, Artifact]:
    """For each tag scheme, a tagger as `tiny_model` is."""
    return {scheme: _tiny_model(scheme) for scheme in SCHEMES}


@pytest.fixture(scope="session")
def tiny_model(tiny_models: Mapping[str, Artifact]) -> Artifact:
    """A tagger of random, seeded weights in memory; it knows 23 words and three labels."""
    return tiny_models["BIO"]


@pytest.fixture(scope="session")
def tiny_artifact(tiny_model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small valid model that finds entities in ordinary text."""
    directory = tmp_path_factory.mktemp("models") / "tiny"
    save_artifact(tiny_model, directory, {"MODEL_CARD.md": "# tiny\n\nRandom weights.\n"})
    return directory


@pytest.fixture(scope="session")
def kept_views() -> Iterator[None]:
    """Runs in this process parse Beam's flags once: Beam does at each of its 300 looks at them.

    That is a quarter of a small run.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    view_as = PipelineOptions.view_as
    kept: dict[tuple[int, type], Any] = {}

    def view_once(options: Any, kind: type) -> Any:  # noqa: ANN401 - Beam's own
        values = options._all_options  # noqa: SLF001 - what all views share, and nothing else has
        key = (id(values), kind)
        if key not in kept:
            kept[key] = view_as(options, kind)
            assert kept[key]._all_options is values  # noqa: SLF001 - so its id stays its own
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PipelineOptions, "view_as", view_once)
        yield


@pytest.fixture(scope="session")
def kept_taggers(kept_views: None) -> Iterator[None]:
    """Runs in this process share what they load: tracing a tagger takes a third of a small run."""
    from model.tagger.tagger import Tagger
    from pipeline.stages.tag import TaggerHandler

    load = TaggerHandler.load_model
    kept: dict[str, Tagger] = {}

    def load_once(handler: TaggerHandler) -> Tagger:
        key = str(sorted(vars(handler).items()))
        if key not in kept:
            kept[key] = load(handler)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaggerHandler, "load_model", load_once)
        yield


S3Settings = Callable[[str], Mapping[str, str]]
ServeS3 = Callable[[str, int], contextlib.AbstractContextManager[str]]


@pytest.fixture(scope="session")
def s3_settings() -> S3Settings:
    """The address of an S3 server in, what its users have in their environment out."""

    def settings(address: str) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    return settings


@pytest.fixture(scope="session")
def serve_s3() -> ServeS3:
    """Run an S3 server at a host and port; what it gives is the address."""

    @contextlib.contextmanager
    def serve(host: str, port: int) -> Iterator[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection((host, port), 1).close()
                    break
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"http://{host}:{port}"
        finally:
            process.kill()
            process.wait()

    return serve


@pytest.fixture(scope="session")
def _s3_address(serve_s3: ServeS3) -> Iterator[str]:
    """One server for all tests: buckets keep them apart."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serve_s3("127.0.0.1", port) as address:
        yield address


@pytest.fixture(scope="module")
def s3(_s3_address: str, s3_settings: S3Settings) -> Iterator[str]:
    """The address of an S3 server, and its credentials in the environment as users give them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_settings(_s3_address).items():
            patch.setenv(name, value)
        yield _s3_address


MakeBucket = Callable[[], str]


@pytest.fixture(scope="module")
def make_bucket(s3: str) -> MakeBucket:
    """Makes an empty bucket."""
    import boto3

    def make() -> str:
        name = f"bucket-{uuid.uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=name)
        return name

    return make


@pytest.fixture
def bucket(make_bucket: MakeBucket, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, and a process that has no options of its own yet."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    return make_bucket()


Keys = Callable[[str], list[str]]


@pytest.fixture
def keys(bucket: str) -> Keys:
    """The keys of the bucket that begin like this."""
    import boto3

    client = boto3.client("s3")

    def below(prefix: str) -> list[str]:
        answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", ())]

    return below


@pytest.fixture
def deny_writes(bucket: str) -> Callable[[], None]:
    """Let nobody write to the bucket from now on."""
    import boto3

    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def deny() -> None:
        boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)

    return deny


S3Requests = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture
def s3_requests(bucket: str, monkeypatch: pytest.MonkeyPatch) -> S3Requests:
    """The operations that this process asks for from now on, with their parameters."""
    from botocore.client import BaseClient

    call, asked = BaseClient._make_api_call, []  # noqa: SLF001 - all requests pass through it

    def noted(client: BaseClient, name: str, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - boto3's own
        asked.append((name, given))
        return call(client, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return asked


InOrder = Callable[[str, pa.Table], pa.Table]

_ROW_KEYS = {
    "documents": ("source", "record"),
    "entities": ("source", "doc_id", "start_char", "end_char"),
    "dead_letters": ("source", "record"),
}


@pytest.fixture(scope="session")
def in_order() -> InOrder:
    """Rows of a table with plain columns, in an order that is the same in all runs."""

    def ordered(table: str, rows: pa.Table) -> pa.Table:
        columns = {
            name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        }
        keys = [(key, "ascending") for key in _ROW_KEYS[table]]
        return pa.table(columns).sort_by(keys).combine_chunks()

    return ordered


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


Fill = Callable[[str], list[str]]


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
        own = ("reports/r1.html", "runs/r1.json")
        (below,) = filesystems().match([f"{root}/**"])
        paths = sorted(entry.path for entry in below.metadata_list)
        assert paths == sorted(f"{root}/{path}" for path in [*named, *own])

    return require


def _eagerly() -> Iterator[None]:
    """Run Keras without tracing graphs, which takes ten times as long as these tests need."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)  # noqa: FBT003 - TensorFlow's signature
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003


eager = pytest.fixture(_eagerly)
all_eager = pytest.fixture(scope="module")(_eagerly)  # where several tests share a training

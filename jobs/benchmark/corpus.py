"""What the benchmark runs over: the user's files, or the bundled corpus many times over."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.configuration.extraction import BUNDLED_CORPUS
from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig, read_records
from pipeline.inputs.shards import open_shard, plan_shards
from schemas.records import Document, Shard

COPIES = 100
_FILES = 8


def bundled_copies(directory: Path, copies: int = COPIES) -> str:
    """The bundled corpus `copies` times, as files in `directory`; returns the glob of them.

    Each copy's documents have ids of their own, and words of their own are in none: the table of
    folded words has it easier here than with real text.
    """
    lines = [
        json.loads(line)
        for path in sorted(Path(BUNDLED_CORPUS).parent.glob("*.jsonl"))
        for line in path.read_text().split("\n")  # not splitlines: texts hold U+2028 and the like
        if line
    ]
    for file in range(_FILES):
        with (directory / f"copies-{file}.jsonl").open("w") as stream:
            for copy in range(file, copies, _FILES):
                for line in lines:
                    stream.write(json.dumps({**line, "id": f"{copy}-{line['id']}"}) + "\n")
    return str(directory / "copies-*.jsonl")


def plan_corpus(inputs: Sequence[str], read: ReadConfig) -> list[Shard]:
    """The shards of the inputs, as the whole command plans them."""
    return list(plan_shards(match_files(inputs, allow_none=False), read))


def documents_of(shards: Sequence[Shard], read: ReadConfig) -> Iterator[Document]:
    """Every document of the shards; records that are none are left out."""
    for shard in shards:
        with open_shard(shard.source, read.max_window_mb) as stream:
            for record in read_records(stream, shard, read):
                if isinstance(record, Document):
                    yield record

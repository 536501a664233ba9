"""A corpus, and shards through the DoFn of ReadDocuments without a runner."""

import json
import random
from pathlib import Path

from apache_beam.pvalue import TaggedOutput

from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.shards import plan_shards
from pipeline.stages.read import _ReadShard
from schemas.records import DeadLetter, Document, Shard, ShardResult


def corpus(size: int) -> bytes:
    """Lines that compress badly, so that a cut of the file is a cut of the text."""
    rng = random.Random(7)
    rows = [{"id": n, "text": f"{rng.getrandbits(800):x}"} for n in range(size)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(
    path: Path, **config: str | int
) -> tuple[list[Document], list[DeadLetter], list[ShardResult]]:
    """All shards of a file through the DoFn, without a runner."""
    read_config = ReadConfig(**config)  # type: ignore[arg-type]
    return read_shards(plan_shards(match_files([str(path)]), read_config), read_config)


def read_shards(
    shards: list[Shard], config: ReadConfig
) -> tuple[list[Document], list[DeadLetter], list[ShardResult]]:
    documents: list[Document] = []
    tagged: dict[str, list[DeadLetter | ShardResult]] = {"dead_letters": [], "shard_results": []}
    for shard in shards:
        for item in _ReadShard(config).process(shard):
            if isinstance(item, TaggedOutput):
                tagged[item.tag].append(item.value)
            else:
                documents.append(item)
    letters = [value for value in tagged["dead_letters"] if isinstance(value, DeadLetter)]
    results = [value for value in tagged["shard_results"] if isinstance(value, ShardResult)]
    return documents, letters, results

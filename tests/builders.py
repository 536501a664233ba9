"""What tests of several packages build their data with."""

from schemas.manifest import Configuration


def configuration(keep_fields: tuple[str, ...] = ()) -> Configuration:
    """What a run with few flags records of them."""
    return Configuration(
        input=["/in/*.jsonl"],
        input_format="jsonl",
        id_field="id",
        text_field="text",
        keep_fields=list(keep_fields),
        keep_text="all",
        min_confidence=0.0,
        max_dead_letters=1.0,
        batch_tokens=1000,
        folded_words=1000,
        target_file_mb=1,
        only_new=False,
        backfill=False,
        commit_shards=None,
        runner="DirectRunner",
    )

"""What holds of the rows of an output, whatever was read, as queries that any SQL engine can run.

Each counts what breaks its rule, so it has to give 0. `{object}` stands for the table; `entities`
and `documents` for the tables of these names. All read the column `run_id`, which engines make of
the folders. Where a value is null, as in files of older versions, nothing is broken.
"""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.manifest import TableName
from schemas.records import ORIGINS, RAW_BYTES


class Rule(NamedTuple):
    """A rule by its name: what holds, in words, and the query that counts what breaks it."""

    name: str
    text: str
    query: str


def _each_row(name: str, text: str, condition: str) -> Rule:
    """A rule that every row keeps by itself."""
    query = f"SELECT count(*) FROM {{object}} WHERE NOT ({condition})"  # noqa: S608 - our own
    return Rule(name, text, query)


_ENTITIES = (
    _each_row("span_is_not_empty", "an entity has a first code point", "end_char > start_char"),
    _each_row(
        "span_is_in_its_sentence",
        "an entity lies in one sentence",
        "sentence_start >= 0 AND start_char >= sentence_start AND end_char <= sentence_end",
    ),
    _each_row(
        "text_fits_its_span",
        "the text has as many code points as the offsets say",
        "length(text) = end_char - start_char",
    ),
    _each_row(
        "confidence_is_a_probability",
        "the confidence is above 0 and at most 1",
        "confidence > 0 AND confidence <= 1",
    ),
    _each_row(
        "only_lists_know_no_confidence",
        "what the model found has a confidence",
        "confidence IS NOT NULL OR coalesce(origin, 'model') = 'gazetteer'",
    ),
    _each_row(
        "origin_is_known",
        f"the origin is one of {', '.join(ORIGINS)}",
        f"origin IN ({', '.join(map(repr, ORIGINS))})",
    ),
    Rule(
        "entities_do_not_repeat",
        "no two entities of a document begin at the same place",
        "SELECT count(*) FROM (SELECT run_id FROM {object} WHERE record IS NOT NULL "
        "GROUP BY run_id, source, record, start_char HAVING count(*) > 1) AS repeated",
    ),
)

_DOCUMENTS = (
    _each_row(
        "counts_are_not_negative",
        "all counts are at least 0",
        "characters >= 0 AND sentences >= 0 AND tokens >= 0 AND unknown_tokens >= 0 "
        "AND entities >= 0",
    ),
    _each_row(
        "unknown_tokens_are_tokens",
        "a document has no more unknown tokens than tokens",
        "unknown_tokens <= tokens",
    ),
    _each_row(
        "text_fits_its_length",
        "a text that was kept has as many code points as `characters` says",
        "length(text) = characters",
    ),
    Rule(
        "entities_are_counted",
        "the documents of a run count as many entities as the run has",
        "SELECT count(*) FROM (SELECT run_id, sum(entities) AS counted FROM {object} "
        "GROUP BY run_id) AS d LEFT JOIN (SELECT run_id, count(*) AS found FROM entities "
        "GROUP BY run_id) AS e ON d.run_id = e.run_id WHERE d.counted <> coalesce(e.found, 0)",
    ),
)

_DEAD_LETTERS = (
    _each_row("message_says_something", "there is a sentence on the cause", "length(message) > 0"),
    _each_row(
        "raw_is_cut",
        f"of a record at most {RAW_BYTES:,} bytes are kept, and no more than it has",
        f"octet_length(raw) <= {RAW_BYTES} AND octet_length(raw) <= raw_size",
    ),
)

RULES: Mapping[TableName, tuple[Rule, ...]] = {
    "entities": _ENTITIES,
    "documents": _DOCUMENTS,
    "dead_letters": _DEAD_LETTERS,
}

"""The same views as SQL for Spark 3.5 and newer."""

from jobs.runs.view.duckdb_views import COUNTS, MANIFEST
from pipeline.outputs.layout import NAMES
from schemas.tables import TABLES


def spark_sql(root: str, *, has_ids: bool = False) -> str:
    """Statements that make temporary views `current_*` and `gleaner_runs` over the output.

    has_ids: whether any file of entities has the column with their ids.
    """
    statements = [_MERGED, _manifests(root), _RUNS, _CURRENT_SOURCES]
    names = _names(root, has_ids=has_ids)
    statements += [_table(root, table, names if table == "entities" else "") for table in TABLES]
    return "\n\n".join([_HEAD, *statements]) + "\n"


_HEAD = """\
-- What counts of this output, as views for Spark; `python -m jobs.runs view --engine spark` made
-- them. Of each source the last run counts that read it to its end, with the runs that read its
-- dead letters again: the rule of current.py, which stands beside this file. They are views of a
-- session, so run these statements in each (`spark-sql -i`), and once more after a later run."""


_MERGED = """\
-- Runs may keep different fields of the input.
SET spark.sql.parquet.mergeSchema = true;"""


def _manifests(root: str) -> str:
    columns = ",\n    ".join(f"`{name}` {_kind(kind)}" for name, kind in MANIFEST.items())
    return f"""\
CREATE OR REPLACE TEMPORARY VIEW gleaner_manifests (
    {columns}
) USING json
OPTIONS (path '{_literal(root)}/runs', multiLine 'true', pathGlobFilter '*.json');"""


def _kind(kind: object) -> str:
    """A type of a manifest's field in Spark's words."""
    if isinstance(kind, dict):
        fields = ", ".join(f"`{name}`: {_kind(inner)}" for name, inner in kind.items())
        return f"STRUCT<{fields}>"
    if isinstance(kind, list):
        return f"ARRAY<{_kind(kind[0])}>"
    words = {"VARCHAR": "STRING", "INTEGER": "INT", "JSON": "STRING"}
    return words.get(str(kind), str(kind))


_RUNS = f"""\
CREATE OR REPLACE TEMPORARY VIEW gleaner_runs AS
SELECT run_id,
       CASE WHEN error LIKE 'rolled back on %' THEN 'rolled_back' ELSE status END AS status,
       CAST(timings.started_at AS TIMESTAMP) AS started_at, timings.seconds AS seconds,
       model, schema_version, part.`of` AS job, part.`number` AS part,
       {", ".join(f"counts.{name}" for name in COUNTS)},
       error, configuration, replaces, inputs, tables, timings.started_at AS started
FROM gleaner_manifests;"""  # noqa: S608 - all of it is ours

# A struct of (complete, started, run_id) compares as `current_sources` orders the runs.
_CURRENT_SOURCES = """\
CREATE OR REPLACE TEMPORARY VIEW gleaner_current_sources AS
WITH committed AS (
    SELECT run_id, started, inputs FROM gleaner_runs
    WHERE status = 'committed' AND run_id NOT IN (
        SELECT explode(replaces) FROM gleaner_runs
        WHERE status = 'committed' AND replaces IS NOT NULL
    )
), exploded AS (
    SELECT run_id, started, explode(inputs) AS entry FROM committed
), entries AS (
    SELECT run_id, started, entry.source AS source, entry.repairs AS repairs,
           entry.complete AS complete FROM exploded
), reads AS (
    SELECT source,
           max(named_struct('complete', complete, 'started', started, 'run_id', run_id)) AS last
    FROM entries WHERE coalesce(repairs, '') = '' GROUP BY source
), repaired AS (
    SELECT reads.source, transform(
        array_sort(collect_list(
            named_struct('started', entries.started, 'run_id', entries.run_id)
        )), one -> one.run_id
    ) AS repairs
    FROM reads JOIN entries ON entries.source = reads.source
        AND entries.repairs = reads.last.run_id
    WHERE named_struct('started', entries.started, 'run_id', entries.run_id)
        > named_struct('started', reads.last.started, 'run_id', reads.last.run_id)
    GROUP BY reads.source
)
SELECT reads.source, last.run_id AS run_id, last.complete AS complete,
       coalesce(repairs, array()) AS repairs
FROM reads LEFT JOIN repaired ON reads.source = repaired.source;"""


def _names(root: str, *, has_ids: bool) -> str:
    """What joins the name that stands for each entity, as in DuckDB's views."""
    files = _pattern(f"{root}/{NAMES}").replace("`", "``")
    same_id = "names.entity_id <=> found.entity_id" if has_ids else "names.entity_id IS NULL"
    return f"""
LEFT JOIN parquet.`{files}` AS names
    ON names.surface = found.text AND names.label = found.label AND {same_id}"""


def _table(root: str, table: str, names: str) -> str:
    """The view of a table: rows in files that a manifest names, of sources that count there.

    names: what joins the names that stand for its texts, if any does.
    """
    canonical = ", coalesce(names.canonical, found.text) AS canonical" if names else ""
    places = (
        "SELECT source, explode(concat(array(run_id), repairs)) AS run_id\n"
        "    FROM gleaner_current_sources"
    )
    whole = ""
    if table == "dead_letters":
        places = (
            "SELECT source, coalesce(try_element_at(repairs, -1), run_id) AS run_id,\n"
            "           false AS whole_shards\n"
            "    FROM gleaner_current_sources\n"
            "    UNION ALL\n"
            "    SELECT source, run_id, true FROM gleaner_current_sources WHERE size(repairs) > 0"
        )
        whole = "\n    AND (found.record IS NULL OR NOT places.whole_shards)"
    files = _pattern(f"{root}/{table}").replace("`", "``")
    return f"""\
CREATE OR REPLACE TEMPORARY VIEW current_{table} AS
WITH places AS (
    {places}
), named AS (
    SELECT run_id, explode(tables.{table}.files) AS file FROM gleaner_runs
), files AS (
    SELECT run_id, substring_index(file.path, '/', -1) AS name FROM named
)
SELECT found.*{canonical}
FROM parquet.`{files}` AS found
LEFT SEMI JOIN files ON files.run_id = found.run_id AND files.name = found._metadata.file_name
LEFT SEMI JOIN places
    ON places.run_id = found.run_id AND places.source = found.source{whole}{names};"""  # noqa: S608 - as above


def _pattern(path: str) -> str:
    """The pattern that matches a path alone."""
    return "".join(f"\\{c}" if c in "*?[]{}\\" else c for c in path)


def _literal(path: str) -> str:
    """The same inside a string of Spark's."""
    return _pattern(path).replace("\\", "\\\\").replace("'", "\\'")

"""The fold of `pipeline/outputs/current.py` as SQL for DuckDB: an output's place in, views out.

The place is what the variable `gleaner_output` says, where a session has one: so the same views
read an output that was moved, copied or mounted elsewhere.
"""

import json

from pipeline.outputs.current import TABLE_FILE
from pipeline.outputs.layout import NAMES
from schemas.tables import TABLES

COUNTS = (
    *("files", "skipped_files", "broken_files", "records", "documents", "dead_letters"),
    *("sentences", "tokens", "unknown_tokens", "characters", "entities"),
)


def duckdb_sql(root: str) -> str:
    """Statements that make the views `current_*` and `gleaner_runs` over the output at `root`.

    The manifests are read once, so all views show the same moment. They name the files that count
    then: a glob would also list files that are being copied, or are removed before they are opened.
    """
    place = _place(root)
    statements = [_manifests(place), _RUNS, _CURRENT_SOURCES]
    for table in TABLES:
        statements += [_files(place, table), _table(place, table)]
    return "\n\n".join([_HEAD, *statements]) + "\n"


# What the views need of a manifest. They take it as text: `read_json` sets aside twice the largest
# object that it may meet, for each thread, and a run of 100,000 files has a manifest of 25 MB.
MANIFEST = {
    **dict.fromkeys(("run_id", "status", "model", "error"), "VARCHAR"),
    "schema_version": "INTEGER",
    "timings": {"started_at": "VARCHAR", "seconds": "DOUBLE"},
    "part": {"of": "VARCHAR", "number": "BIGINT", "count": "BIGINT"},
    "counts": dict.fromkeys(COUNTS, "BIGINT"),
    "configuration": "JSON",
    "replaces": ["VARCHAR"],
    "inputs": [
        {
            **dict.fromkeys(("source", "fingerprint", "repairs"), "VARCHAR"),
            "complete": "BOOLEAN",
        }
    ],
    "tables": {table: {"files": [{"path": "VARCHAR"}]} for table in TABLES},
}

_HEAD = """\
-- What counts of this output, as views for DuckDB; `python -m jobs.runs view` made them.
-- Of each source the last run counts that read it to its end, with the runs that read its dead
-- letters again: the rule of current.py, which stands beside this file.
-- The views show the moment at which these statements ran: run them again to see later runs.
-- `duckdb -init` runs them at each start.
-- Where the output is found elsewhere, say so first: SET VARIABLE gleaner_output = '/mnt/out';"""


def _manifests(place: str) -> str:
    structure = json.dumps(MANIFEST, indent=1).replace("\n", "\n    ")
    return f"""\
CREATE OR REPLACE TABLE gleaner_manifests AS
SELECT unnest(from_json(content, '{structure}'))
FROM read_text({place} || '/runs/*.json');"""  # noqa: S608 - the place is quoted, the rest is ours


_SHOWN = ",\n       ".join(f"counts.{name}" for name in COUNTS)
# All runs; what only the other views need are the last columns.
_RUNS = f"""\
CREATE OR REPLACE VIEW gleaner_runs AS
SELECT run_id, CASE WHEN error LIKE 'rolled back on %' THEN 'rolled_back' ELSE status END AS status,
       timings.started_at::TIMESTAMPTZ AS started_at, timings.seconds AS seconds,
       model, schema_version, part."of" AS job, part."number" AS part,
       {_SHOWN},
       error, configuration, replaces, inputs, tables, timings.started_at AS started
FROM gleaner_manifests;"""  # noqa: S608 - all of it is ours

# A struct of (complete, started, run_id) compares as `current_sources` orders the runs.
_CURRENT_SOURCES = """\
CREATE OR REPLACE VIEW gleaner_current_sources AS
WITH committed AS (
    SELECT run_id, started, inputs FROM gleaner_runs
    WHERE status = 'committed' AND run_id NOT IN (
        SELECT unnest(replaces) FROM gleaner_runs
        WHERE status = 'committed' AND replaces IS NOT NULL
    )
), entries AS (
    SELECT run_id, started, unnest(inputs, recursive := true) FROM committed
), reads AS (
    SELECT source, max({complete: complete, started: started, run_id: run_id}) AS last
    FROM entries WHERE coalesce(repairs, '') = '' GROUP BY source
), repaired AS (
    SELECT reads.source, list(entries.run_id ORDER BY entries.started, entries.run_id) AS repairs
    FROM reads JOIN entries ON entries.source = reads.source AND entries.repairs = last.run_id
    WHERE {started: entries.started, run_id: entries.run_id}
        > {started: last.started, run_id: last.run_id}
    GROUP BY reads.source
)
SELECT source, last.run_id AS run_id, last.complete AS complete,
       coalesce(repairs, []) AS repairs
FROM reads LEFT JOIN repaired USING (source);"""


def _files(place: str, table: str) -> str:
    """The files of a table that have rows which count, in a variable: no view may name others.

    A manifest that names a file elsewhere is an error, as it is wherever else one is read.
    """
    return f"""\
SET VARIABLE gleaner_{table} = (
    SELECT list(DISTINCT CASE
        WHEN regexp_full_match(
            file.path, '{table}/run_id=' || regexp_escape(run_id) || '/{TABLE_FILE}'
        ) THEN {place} || '/' || file.path
        ELSE error(run_id || ' names ' || file.path || ', which is no file of this run')
    END)
    FROM (SELECT run_id, unnest(tables.{table}.files) AS file FROM gleaner_manifests)
    WHERE run_id IN (
        SELECT unnest(list_prepend(run_id, repairs)) FROM gleaner_current_sources
    )
);"""  # noqa: S608 - as above


# Entities of files before version 5 have no ids.
_WITH_ID = """
    UNION ALL BY NAME SELECT NULL::VARCHAR AS entity_id WHERE false"""
_CANONICAL = ",\n       coalesce(names.canonical, found.text) AS canonical"


def _names(place: str) -> str:
    """What joins the name that stands for each entity; its table has each text, label and id once.

    Where there is no table, or it was made before the entity was found, or forgot it, that is its
    own text. The table without a row is there since no engine takes a pattern that matches nothing.
    """
    return f"""
LEFT JOIN read_parquet({place} || '/{NAMES}/{NAMES}*.parquet', hive_partitioning = false) AS names
    ON names.surface = found.text AND names.label = found.label
    AND names.entity_id IS NOT DISTINCT FROM found.entity_id"""


def _table(place: str, table: str) -> str:
    """The view of a table: rows in files that a manifest names, of sources that count there."""
    with_id = canonical = names = ""
    if table == "entities":
        with_id, canonical, names = _WITH_ID, _CANONICAL, _names(place)
    places = (
        "SELECT source, unnest(list_prepend(run_id, repairs)) AS run_id\n"
        "    FROM gleaner_current_sources"
    )
    whole = ""
    if table == "dead_letters":
        places = (
            "SELECT source, coalesce(repairs[-1], run_id) AS run_id, false AS whole_shards\n"
            "    FROM gleaner_current_sources\n"
            "    UNION ALL\n"
            "    SELECT source, run_id, true FROM gleaner_current_sources WHERE len(repairs) > 0"
        )
        whole = "\nWHERE record IS NULL OR NOT whole_shards"
    # Another connection to the same database, or a later one, has no such variable. It takes what
    # is there, but no file that was rewritten since for one without rows that count.
    chosen = f"getvariable('gleaner_{table}')"
    pattern = f"{place} || '/{table}/run_id=*/part-*.parquet'"
    return f"""\
CREATE OR REPLACE VIEW current_{table} AS
WITH places AS (
    {places}
), named AS (
    SELECT run_id, parse_filename(file.path) AS name
    FROM (SELECT run_id, unnest(tables.{table}.files) AS file FROM gleaner_manifests)
), gone AS (
    SELECT run_id, name FROM named
    WHERE {chosen} IS NULL AND run_id IN (SELECT run_id FROM places)
    EXCEPT
    SELECT {_RUN_ID.format("file")}, parse_filename(file)
    FROM glob(CASE WHEN {chosen} IS NULL THEN {pattern} ELSE {place} || '/current.sql' END)
), files AS (
    SELECT run_id, name FROM named
    UNION ALL
    SELECT run_id, error('run current.sql again, since run ' || run_id || ' has changed')::VARCHAR
    FROM gone WHERE {chosen} IS NULL
), found AS (
    SELECT *, {_RUN_ID.format("gleaner_file")} AS run_id
    FROM read_parquet(
        coalesce({chosen}, [{pattern}]),
        hive_partitioning = false, union_by_name = true, filename = 'gleaner_file'){with_id}
)
SELECT found.* EXCLUDE (gleaner_file){canonical}
FROM found
JOIN files ON files.run_id = found.run_id AND files.name = parse_filename(found.gleaner_file)
JOIN places ON places.run_id = found.run_id AND places.source = found.source{names}{whole};"""  # noqa: S608 - as above


_RUN_ID = "regexp_extract({}, 'run_id=([^/]+)/[^/]+$', 1)"


def _place(root: str) -> str:
    """An expression for the pattern that matches the output's place alone."""
    default = root.replace("'", "''")
    chosen = f"coalesce(getvariable('gleaner_output'), '{default}')"
    return f"regexp_replace({chosen}, '([*?[])', '[\\1]', 'g')"

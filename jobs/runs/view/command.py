"""Write current.sql and current.py, to query what counts."""

import argparse
import shlex
from pathlib import Path

from jobs.runs.outputs import find_output
from jobs.runs.view.duckdb_views import duckdb_sql
from jobs.runs.view.spark_views import spark_sql
from jobs.runs.view.trino_views import TRINO_FILE, trino_sql
from pipeline.console.printing import account
from pipeline.filesystems.paths import is_remote, scheme_of
from pipeline.filesystems.upload import write_whole
from pipeline.outputs import current
from pipeline.outputs.names import write_empty_names
from schemas.errors import UsageError
from schemas.tables import ENTITIES, since

_ENGINES = ("duckdb", "spark", "trino")
_IDS_SINCE = since(ENTITIES.field("entity_id"))
_COUNT = "SELECT label, count(*) FROM current_entities GROUP BY label"
# What DuckDB needs to reach a store, as its documentation has it.
_SECRETS = {
    "s3": "CREATE SECRET (TYPE s3, PROVIDER credential_chain)",
    "gs": "CREATE SECRET (TYPE gcs, KEY_ID 'HMAC_KEY', SECRET 'HMAC_SECRET')",
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """For whom, and where they find the output."""
    parser.add_argument(
        "--engine",
        choices=_ENGINES,
        default="duckdb",
        metavar="NAME",
        help="duckdb (the default), spark or trino: whose SQL",
    )
    parser.add_argument(
        "--root",
        metavar="PATH",
        help="where the engine finds the output, also relative (default: where it is)",
    )


def run(flags: argparse.Namespace) -> int:
    """Write both files beside the tables, and print how to use them.

    Raises UsageError where nothing counts yet, since a view of no file has no columns, and where
    the output cannot be written to.
    """
    output = find_output(flags.output)
    root = output.root
    if not current.committed_runs(output.manifests):
        raise UsageError(f"{root} has no committed run yet, so there is nothing to view")
    place = root if flags.root is None else flags.root.rstrip("/") or "/"
    files = {"duckdb": "current.sql", "spark": "current.spark.sql", "trino": TRINO_FILE}
    name = files[flags.engine]
    sql, module = f"{root}/{name}", f"{root}/current.py"
    if flags.engine == "trino":
        text, usage = trino_sql(output, place), _trino(sql)
    elif flags.engine == "spark":
        ids = any(run["schema_version"] >= _IDS_SINCE for run in output.manifests)
        text, usage = spark_sql(place, has_ids=ids), _spark(sql)
    else:
        text, usage = duckdb_sql(place), _duckdb(sql)
    _write(sql, text)
    _write(module, Path(current.__file__).read_text("utf-8"))
    write_empty_names(root)
    account(f"written {sql}\n        {module}\n{usage}\n\n{_python(root)}")
    return 0


def _duckdb(sql: str) -> str:
    head = """\
Both are made once. With DuckDB (views current_entities, current_documents, current_dead_letters and
gleaner_runs, as of when the file was run: run it again to see later runs), in Python or by its own
command line:

    import duckdb
"""
    if is_remote(sql):
        secret = _SECRETS.get(scheme_of(sql), _SECRETS["s3"])
        setup = f'"INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws; {secret}"'
        if "gcs" in secret:
            setup = f'"INSTALL httpfs; LOAD httpfs; {secret}"'
        asked = f"SELECT content FROM read_text({_quoted(sql)})"  # noqa: S608 - shown, not run
        return f"""{head}    duckdb.execute({setup})
    duckdb.execute(duckdb.sql({asked!r}).fetchone()[0])
    duckdb.sql("{_COUNT}")"""
    return f"""{head}    duckdb.execute(open({sql!r}).read())
    duckdb.sql("{_COUNT}")

    duckdb -init {shlex.quote(sql)} -c "{_COUNT}\""""


def _spark(sql: str) -> str:
    return f"""Spark's views are those of a session, and read what is there when it begins:

    spark-sql -i {shlex.quote(sql)} -e "{_COUNT}\""""


def _trino(sql: str) -> str:
    return f"""The SQL shows what counts now: make it and run it again after each run.

    trino --file {shlex.quote(sql)}"""


def _python(root: str) -> str:
    fetch = f"import sys; sys.path.insert(0, {root!r})"
    if is_remote(root):
        fetch = f"from pyarrow import fs; fs.copy_files({f'{root}/current.py'!r}, 'current.py')"
    return f"""With pandas, pyarrow or Polars (current.py needs pyarrow alone):

    {fetch}
    import current
    entities = current.read_table({root!r}, "entities").to_pandas()"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error

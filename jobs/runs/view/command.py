"""Write current.sql and current.py, to query what counts."""

import argparse
import shlex
from pathlib import Path

from jobs.runs.layout import say
from jobs.runs.outputs import find_output
from jobs.runs.view.sql import current_sql
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import Upload
from pipeline.outputs import current
from schemas.errors import UsageError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Nothing beside `--output`."""


def run(flags: argparse.Namespace) -> int:
    """Write both files beside the tables, and print how to use them.

    Raises UsageError where nothing counts yet, since a view of no file has no columns, and where
    the output cannot be written to.
    """
    output = find_output(flags.output)
    root = output.root
    if not current.committed_runs(output.manifests):
        raise UsageError(f"{root} has no committed run yet, so there is nothing to view")
    sql, module = f"{root}/current.sql", f"{root}/current.py"
    _write(sql, current_sql(root))
    _write(module, Path(current.__file__).read_text("utf-8"))
    place = "." if is_remote(root) else root  # to where current.py was copied
    say(
        f"""written {sql}
        {module}
Both stay true after later runs. With DuckDB (views current_entities, current_documents,
current_dead_letters and gleaner_runs), in Python or by its own command line:

    import duckdb
    duckdb.execute(open({sql!r}).read())
    duckdb.sql("SELECT label, count(*) FROM current_entities GROUP BY ALL")

    duckdb -init {shlex.quote(sql)} -c "SELECT label, count(*) FROM current_entities GROUP BY ALL"

With pandas, pyarrow or Polars (current.py needs pyarrow alone):

    import sys; sys.path.insert(0, {place!r})
    import current
    entities = current.read_table({root!r}, "entities").to_pandas()"""  # noqa: S608 - shown, not run
    )
    return 0


def _write(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        if is_remote(path):
            with Upload(path) as stream:
                stream.write(text.encode())
        else:
            partial = Path(path).with_name(f".{Path(path).name}.partial")
            partial.write_bytes(text.encode())
            partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error

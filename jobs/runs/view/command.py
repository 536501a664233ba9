"""Write current.sql and current.py, to query what counts."""

import argparse
import shlex

from jobs.runs.layout import say
from jobs.runs.outputs import find_output
from jobs.runs.view.files import write_views
from pipeline.filesystems.paths import is_remote


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Nothing beside `--output`."""


def run(flags: argparse.Namespace) -> int:
    """Write both files, and print how to use them."""
    sql, module = write_views(find_output(flags.output))
    folder = sql.rpartition("/")[0]
    place = "." if is_remote(folder) else folder  # to where current.py was copied
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
    entities = current.read_table({folder!r}, "entities").to_pandas()"""  # noqa: S608 - shown, not run
    )
    return 0

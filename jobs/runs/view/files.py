"""The files of `view`: written whole or not at all, beside the tables that they read."""

from pathlib import Path

import pipeline.outputs.current
from jobs.runs.outputs import Output
from jobs.runs.view.sql import current_sql
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import Upload
from pipeline.outputs.current import committed_runs
from schemas.errors import UsageError


def write_views(output: Output) -> tuple[str, str]:
    """Write `current.sql` and `current.py` below the output; returns where they are.

    Raises UsageError where nothing counts yet, since a view of no file has no columns, and where
    the output cannot be written to.
    """
    root = output.root
    if not committed_runs(output.manifests):
        raise UsageError(f"{root} has no committed run yet, so there is nothing to view")
    files = {
        f"{root}/current.sql": current_sql(root),
        f"{root}/current.py": Path(pipeline.outputs.current.__file__).read_text("utf-8"),
    }
    for path, text in files.items():
        try:
            _write(path, text.encode())
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    sql, module = files
    return sql, module


def _write(path: str, data: bytes) -> None:
    if is_remote(path):
        with Upload(path) as stream:
            stream.write(data)
        return
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/.{name}.partial"
    Path(partial).write_bytes(data)
    Path(partial).replace(path)

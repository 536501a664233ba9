"""The table of names of an output, read as the pipeline reads files."""

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.filesystems.beam import open_file
from pipeline.outputs.current import CanonicalNames
from pipeline.outputs.layout import names_file
from pipeline.outputs.names import has_names
from schemas.errors import JobError


def read_canonical_names(root: str) -> CanonicalNames | None:
    """The names of an output; None where it has no table of them.

    Raises JobError for one that cannot be read.
    """
    if not has_names(root):
        return None
    path = names_file(root)
    try:
        with open_file(path) as stream:
            return CanonicalNames(pq.read_table(pa.PythonFile(stream, mode="r")))
    except (OSError, pa.ArrowException) as error:
        raise JobError(f"{path} cannot be read: {first_line(error)}") from error

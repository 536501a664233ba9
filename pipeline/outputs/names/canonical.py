"""The table of names of an output, read as the pipeline reads files."""

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.outputs.current import CanonicalNames
from pipeline.outputs.layout import names_file
from pipeline.outputs.names import names_bytes
from schemas.errors import JobError


def read_canonical_names(root: str) -> CanonicalNames | None:
    """The names of an output; None where it has no table of them.

    Raises JobError for one that cannot be read.
    """
    data = names_bytes(root)
    if data is None:
        return None
    try:
        return CanonicalNames(pq.read_table(pa.BufferReader(data)))
    except pa.ArrowException as error:
        raise JobError(f"{names_file(root)} cannot be read: {first_line(error)}") from error

"""The names by which `jobs.resolve` calls the texts of entities."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.filesystems.beam import open_file
from pipeline.outputs.layout import names_file
from pipeline.outputs.names import has_names
from schemas.errors import JobError

_BETWEEN = "\x1f"  # in no label


class CanonicalNames:
    """A table of names, by which texts are looked up; what it lacks has its own text."""

    def __init__(self, names: pa.Table) -> None:
        others = names.filter(pc.not_equal(names["surface"], names["canonical"]))
        self._keys = _keys(others["label"], others["entity_id"], others["surface"])
        self._canonical = others["canonical"]

    def of(self, labels: pa.Array, ids: pa.Array, texts: pa.Array) -> pa.Array:
        """The name of each entity, by its label, its id, which may be null, and its text."""
        place = pc.index_in(_keys(labels, ids, texts), value_set=self._keys)
        named = pc.coalesce(self._canonical.take(place), texts)
        return named.combine_chunks() if isinstance(named, pa.ChunkedArray) else named


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


def _keys(labels: pa.Array, ids: pa.Array, texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(labels, pc.fill_null(ids, ""), texts, _BETWEEN)

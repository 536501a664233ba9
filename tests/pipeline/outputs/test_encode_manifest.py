"""The bytes of a manifest: the same values, in lines that a person and a `grep` can use."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.outputs.manifest.encoding import encode_manifest

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), VALUES))
def test_a_manifest_is_read_as_it_was_written(manifest: Any) -> None:  # noqa: ANN401 - any JSON
    assert json.loads(encode_manifest(manifest)) == manifest


def test_each_input_and_each_file_has_a_line() -> None:
    inputs = [{"source": name, "records": 1} for name in ("/a", "/é")]
    files = [{"path": "entities/1.parquet", "rows": 2}]
    manifest: Any = {"run_id": "r1", "inputs": inputs, "tables": {"entities": {"files": files}}}
    assert encode_manifest(manifest).decode() == (
        "{\n"
        ' "run_id": "r1",\n'
        ' "inputs": [\n'
        '  {"source": "/a", "records": 1},\n'
        '  {"source": "/é", "records": 1}\n'
        " ],\n"
        ' "tables": {\n'
        '  "entities": {\n'
        '   "files": [\n'
        '    {"path": "entities/1.parquet", "rows": 2}\n'
        "   ]\n"
        "  }\n"
        " }\n"
        "}\n"
    )

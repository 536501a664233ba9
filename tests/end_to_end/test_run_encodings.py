"""End to end: text in other encodings and csv with other separators, read back from the Parquet."""

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from pipeline.run import run
from schemas.errors import UsageError

TEXTS = ["Čapek left Brno.", "Zoë, «a; b|c» Größe", "Мария в Осло 😀"]


def extracted(
    tmp_path: Path, tiny_artifact: Path, *flags: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The manifest of a run over the folder `in`, and the rows of `documents`."""
    output = tmp_path / "out"
    arguments = [f"--model={tiny_artifact}", f"--input={tmp_path}/in", f"--output={output}"]
    assert (
        run([*arguments, "--run_id=r1", "--keep_text=all", "--direct_num_workers=1", *flags]) == 0
    )
    manifest: dict[str, Any] = json.loads((output / "runs/r1.json").read_text())
    documents = ds.dataset(output / "documents", format="parquet").to_table().to_pylist()
    return manifest, sorted(documents, key=lambda row: (row["source"], row["record"]))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "gb18030"])
def test_texts_come_out_as_they_were_written(
    tmp_path: Path, tiny_artifact: Path, encoding: str
) -> None:
    """In jsonl, csv and text, also compressed; `record` is the byte of the stored line."""
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS]
    (folder / "a.jsonl").write_bytes("".join(lines).encode(encoding))
    table = "text\n" + "".join(f'"{text}"\n' for text in TEXTS)
    (folder / "b.csv.xz").write_bytes(lzma.compress(table.encode(encoding)))
    (folder / "c.txt.gz").write_bytes(gzip.compress(TEXTS[0].encode(encoding)))
    manifest, documents = extracted(tmp_path, tiny_artifact, f"--encoding={encoding}")
    assert [row["text"] for row in documents] == [*TEXTS, *TEXTS, TEXTS[0]]
    second = documents[1]["record"]
    assert (
        (folder / "a.jsonl")
        .read_bytes()[second:]
        .startswith(lines[1].encode("utf-16-le" if encoding == "utf-16" else encoding))
    )
    assert manifest["configuration"]["encoding"] == encoding
    assert manifest["counts"]["dead_letters"] == manifest["counts"]["broken_files"] == 0


def test_a_separator_that_was_found_out_stands_in_the_manifest(
    tmp_path: Path, tiny_artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text('id|text\n1|"Maria, Bo"\n2|"never ends\n3|Ada\n4|"Zoë"\n')
    manifest, documents = extracted(tmp_path, tiny_artifact, "--max_dead_letters=1")
    assert [row["text"] for row in documents] == ["Maria, Bo", "Ada", "Zoë"]
    assert manifest["counts"]["dead_letters"] == 1
    warning = f"--csv_delimiter auto: bars separate the values of {folder}/a.csv."
    assert manifest["warnings"] == [warning]
    # The summary folds its lines.
    assert "".join(warning.split()) in "".join(capsys.readouterr().out.split())


def test_an_archive_that_is_named_is_refused_before_the_run(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    archive = tmp_path / "docs.tar.gz"
    archive.write_bytes(b"")
    arguments = [f"--model={tiny_artifact}", f"--input={archive}", f"--output={tmp_path}/out"]
    for flags in ([], ["--input_format=jsonl"]):
        with pytest.raises(UsageError, match=r"docs\.tar\.gz is a tar archive: unpack it"):
            run([*arguments, *flags])
    assert not (tmp_path / "out").exists()

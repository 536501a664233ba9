"""What is read of what --input names: each file once, never the output, and the rest is told."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import UsageError

Manifest = dict[str, Any]
Extract = Callable[..., Manifest]
SCHEMA = Path(__file__).parents[2] / "schemas" / "manifest.schema.json"


def write(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": name, "text": f"{name} left Lisbon."}) + "\n" for name in names]
    path.write_text("".join(lines))


@pytest.fixture
def extract(tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> Extract:
    """A run in `tmp_path` with `--only_new`; returns its manifest, once it fits the schema."""
    monkeypatch.chdir(tmp_path)

    def attempt(*flags: str, output: str = "out") -> Manifest:
        before = set((tmp_path / output / "runs").glob("*.json"))
        own = [f"--output={output}", f"--model={tiny_artifact}", "--only_new"]
        assert run([*own, *flags]) == 0
        (new,) = set((tmp_path / output / "runs").glob("*.json")) - before
        manifest: Manifest = json.loads(new.read_text())
        jsonschema.validate(manifest, json.loads(SCHEMA.read_text()))
        return manifest

    return attempt


def sources(manifest: Manifest, root: Path) -> list[str]:
    return [str(Path(entry["source"]).relative_to(root)) for entry in manifest["inputs"]]


def ids(output: Path) -> list[str]:
    return sorted(read_table(str(output), "documents")["doc_id"].to_pylist())


def test_the_nightly_command_finds_what_each_day_brings_in_a_folder(
    extract: Extract, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in/2026-11-24/x.jsonl", "a")
    write(tmp_path / "in/2026-11-24/_tmp/y.jsonl", "never")
    first = extract("--input=in")
    assert first["counts"]["unread"] == 1
    assert first["counts"]["unread_by_reason"] == {"hidden by name": 1}
    hidden = f"{tmp_path}/in/2026-11-24/_tmp"
    assert first["unread"] == [{"path": hidden, "reason": "hidden by name"}]
    assert "unread   1 hidden by name (in/2026-11-24/_tmp)\n" in capsys.readouterr().out
    write(tmp_path / "in/2026-11-25/x.jsonl", "b")
    assert sources(extract("--input=in"), tmp_path) == ["in/2026-11-25/x.jsonl"]
    assert ids(tmp_path / "out") == ["a", "b"]
    (tmp_path / "in/c.jsonl").write_text('{"text": "c"}\n')
    flat = extract("--input=in", "--flat")
    assert sources(flat, tmp_path) == ["in/c.jsonl"]
    assert flat["counts"]["unread_by_reason"] == {"in a folder, with --flat": 2}


def test_a_folder_with_two_names_counts_once_whatever_each_night_calls_it(
    extract: Extract, tmp_path: Path
) -> None:
    """Also where it changed in between, and where its first name is gone."""
    write(tmp_path / "real/a.jsonl", "a")
    (tmp_path / "link").symlink_to("real")
    assert sources(extract("--input=link"), tmp_path) == ["link/a.jsonl"]
    assert extract("--input=real")["status"] == "empty"
    write(tmp_path / "real/a.jsonl", "a", "b")
    (tmp_path / "link").unlink()
    again = extract("--input=real")
    assert sources(again, tmp_path) == ["link/a.jsonl"]
    assert again["inputs"][0]["real_path"] == f"{tmp_path}/real/a.jsonl"
    assert again["inputs"][0]["complete"]
    assert ids(tmp_path / "out") == ["a", "b"]
    assert extract("--input=real")["status"] == "empty"


def test_a_second_name_stays_known_where_runs_are_merged_and_is_forgotten_with_the_first(
    extract: Extract, tmp_path: Path
) -> None:
    for name in "ab":
        write(tmp_path / f"real/{name}.jsonl", name)
        (tmp_path / f"{name}.jsonl").symlink_to(f"real/{name}.jsonl")
        extract(f"--input={name}.jsonl")
    both = extract("--input", "real", "a.jsonl")
    assert both["status"] == "empty"
    assert both["counts"]["unread_by_reason"] == {"the same as another": 1}
    look_after(["compact", "--output=out"])
    assert extract("--input=real")["status"] == "empty"
    look_after(["forget", "--output=out", "--source", "real/a.jsonl"])
    assert ids(tmp_path / "out") == ["b"]
    left = [path.read_text() for path in (tmp_path / "out/runs").glob("*.json")]
    assert not any("a.jsonl" in manifest for manifest in left)


def test_the_output_is_not_read_where_it_stands_in_the_input_or_is_it(
    extract: Extract, tmp_path: Path
) -> None:
    write(tmp_path / "a.jsonl", "a")
    assert extract("--input=**/*.*")["counts"]["files"] == 1
    again = extract("--input=**/*.*")
    assert (again["status"], again["counts"]["skipped_files"]) == ("empty", 1)
    assert again["unread"] == [{"path": f"{tmp_path}/out", "reason": "of the output"}]
    write(tmp_path / "all/b.jsonl", "b")
    all_in_one = str(tmp_path / "all")
    assert extract(f"--input={all_in_one}", output="all")["counts"]["files"] == 1
    look_after(["view", f"--output={all_in_one}"])
    again = extract(f"--input={all_in_one}", output="all")
    assert again["status"] == "empty"
    assert again["counts"]["unread_by_reason"].keys() == {"of the output"}


def test_of_many_things_unread_a_hundred_are_named_and_all_counted(
    extract: Extract, tmp_path: Path
) -> None:
    write(tmp_path / "in/a.jsonl", "a")
    for number in range(150):
        (tmp_path / f"in/.h{number:03}").touch()
    (tmp_path / "in/z.jsonl").symlink_to("a.jsonl")
    manifest = extract("--input=in")
    assert manifest["counts"]["unread"] == 151
    assert len(manifest["unread"]) == 100
    assert {
        "path": f"{tmp_path}/in/z.jsonl",
        "reason": "the same as another",
        "detail": f"{tmp_path}/in/a.jsonl",
    } in manifest["unread"]


def test_a_file_url_is_read_and_written_as_its_path(extract: Extract, tmp_path: Path) -> None:
    write(tmp_path / "in here/a.jsonl", "a")
    url = f"file://{tmp_path}/in%20here/a.jsonl"
    assert sources(extract(f"--input={url}"), tmp_path) == ["in here/a.jsonl"]
    assert run([f"--input={url}", f"--output=file://{tmp_path}/o%20t", "--allow_no_input"]) == 0
    assert ids(tmp_path / "o t") == ["a"]


@pytest.mark.parametrize("url", ["hdfs://nn/x.jsonl", "https://example.org/x.jsonl", "s3a://b/x"])
def test_a_scheme_that_nobody_knows_is_answered_with_those_that_are(
    url: str, extract: Extract
) -> None:
    scheme = url.partition(":")[0]
    expected = f"^--input {url}: {scheme}:// is no filesystem that can be reached; there are local"
    with pytest.raises(UsageError, match=expected):
        extract(f"--input={url}")


def test_a_folder_of_a_partition_is_no_column(extract: Extract, tmp_path: Path) -> None:
    folder = tmp_path / "in/year=2024"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id,text\n1,Lisbon\n")
    with pytest.raises(UsageError, match=r"Folders named year=\.\.\. are not read as a column"):
        extract("--input=in", "--keep_fields=year")


def test_a_file_of_another_kind_in_the_folder_ends_no_night(
    extract: Extract, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does a name that no manifest can hold; hard links count once, moved files are told."""
    write(tmp_path / "in/x.jsonl", "a")
    (tmp_path / "in/report.pdf").write_bytes(b"%PDF-1.7\n")
    (tmp_path / os.fsdecode(b"in/\xff.jsonl")).write_bytes(b"{}")
    (tmp_path / "in/y.jsonl").hardlink_to(tmp_path / "in/x.jsonl")
    first = extract("--input=in")
    assert first["counts"]["unread_by_reason"] == {
        "not UTF-8 by its name": 1,
        "of no known format": 1,
        "the same as another": 1,
    }
    assert f"{tmp_path}/in/\\xff.jsonl" in [passed["path"] for passed in first["unread"]]
    assert "1 of no known format (in/report.pdf)\n" in capsys.readouterr().out
    (tmp_path / "in/a.jsonl").hardlink_to(tmp_path / "in/x.jsonl")
    assert extract("--input=in")["counts"]["files"] == 0
    assert ids(tmp_path / "out") == ["a"]
    (tmp_path / "in").rename(tmp_path / "moved")
    (told,) = [w for w in extract("--input=moved/x.jsonl")["warnings"] if "moved, it seems" in w]
    assert f"{tmp_path}/moved/x.jsonl, once {tmp_path}/in/x.jsonl" in told
    assert look_after(["forget", "--output=out", f"--source={tmp_path}/in/x.jsonl"]) == 0
    assert ids(tmp_path / "out") == ["a"]

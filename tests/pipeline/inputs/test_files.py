"""Patterns become files and shards: each file once, every byte in one shard, or one sentence."""

import io
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.files import InputFile, Matches, current_fingerprint, find_files, match_files
from pipeline.inputs.formats import FILE_FORMATS, ReadConfig, ShardError, read_records
from pipeline.inputs.shards import format_of, is_known, plan_shards, unreadable_named
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.stages.match import MatchShards
from schemas.errors import UsageError
from schemas.records import Shard

MakePlan = Callable[[Path, Sequence[Shard]], RunStorage]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl", "notes.txt", ".hidden.jsonl", "_SUCCESS", "sub/c.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"text": "Oslo"}\n')
    return tmp_path


def unread_of(matches: Matches, folder: Path) -> dict[str, str]:
    return {os.path.relpath(passed.path, folder): passed.reason for passed in matches.unread}


def names(files: Sequence[InputFile], folder: Path) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in files]


def test_files_are_sorted_and_come_once_though_matched_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    files = match_files(
        ["*.jsonl", f"{folder}/b.jsonl", "./sub/../b.jsonl", "file://" + str(folder)]
    )
    assert names(files, folder) == ["a.jsonl", "b.jsonl", "notes.txt", "sub/c.jsonl"]
    assert all(Path(file.path).is_absolute() for file in files)


def test_a_folder_means_all_files_below_and_with_flat_its_own(folder: Path) -> None:
    for pattern in (folder, f"{folder}/", f"{folder}/**", f"file://{folder}"):
        below = names(match_files([str(pattern)]), folder)
        assert below == ["a.jsonl", "b.jsonl", "notes.txt", "sub/c.jsonl"]
    flat = find_files([str(folder)], flat=True)
    assert names(list(flat.files), folder) == ["a.jsonl", "b.jsonl", "notes.txt"]
    assert unread_of(flat, folder)["sub"] == "in a folder, with --flat"
    both = find_files([str(folder), f"{folder}/sub"], flat=True)
    assert names(list(both.files), folder)[-1] == "sub/c.jsonl"
    assert "sub" not in unread_of(both, folder)


def test_two_stars_are_folders_only_where_they_are_alone(folder: Path) -> None:
    below = find_files([f"{folder}/**/*.jsonl"])
    assert names(list(below.files), folder) == ["a.jsonl", "b.jsonl", "sub/c.jsonl"]
    assert not below.warnings
    beside = find_files([f"{folder}/**.jsonl"])
    assert names(list(beside.files), folder) == ["a.jsonl", "b.jsonl"]
    (warning,) = beside.warnings
    assert "** is read as *" in warning


def test_hidden_files_are_matched_only_where_they_are_named(folder: Path) -> None:
    assert names(match_files([f"{folder}/_SUCCESS"]), folder) == ["_SUCCESS"]
    assert names(match_files([f"{folder}/.h*"]), folder) == [".hidden.jsonl"]


def test_a_hidden_directory_above_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.txt").write_text("a")
    assert len(match_files([f"{tmp_path}/.cache/*.txt"])) == 1


def test_a_name_with_glob_characters_is_found_by_that_name(tmp_path: Path) -> None:
    odd = tmp_path / "part[1]"
    odd.mkdir()
    (odd / "a*[2].txt").write_text("a")
    assert names(match_files([str(odd / "a*[2].txt")]), odd) == ["a*[2].txt"]
    assert names(match_files([str(odd)]), odd) == ["a*[2].txt"]


@pytest.mark.parametrize("pattern", ["{}/*.csv", "{}/none.jsonl", "{}/none/*.jsonl", "{}/a.jsonl/"])
def test_a_pattern_without_files_is_refused_by_name(folder: Path, pattern: str) -> None:
    pattern = pattern.format(folder)
    with pytest.raises(
        UsageError, match=re.escape(f"--input {pattern!r} matches no file (with --allow")
    ):
        match_files([f"{folder}/a.jsonl", pattern])


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="--input '' matches no file"):
        match_files([""])


def test_a_filesystem_that_is_not_installed_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"^--input 'nowhere://x/\*' cannot be listed: .*\.$"):
        match_files(["nowhere://x/*"])


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("a")
    with pytest.raises(UsageError, match=r"The name of the input file .*caf\\xe9\.txt' is not UTF"):
        match_files([str(tmp_path)])
    (tmp_path / "b.txt").write_text("b")
    with pytest.raises(UsageError, match="is not UTF-8"):
        match_files([str(tmp_path), os.fsdecode(bytes(tmp_path / os.fsdecode(b"caf\xe9.txt")))])


def test_names_that_are_not_utf8_are_passed_beside_others(tmp_path: Path) -> None:
    """Hidden ones too; they are told with escapes, since no manifest can hold them."""
    for name in (b"caf\xe9.txt", b".\xff", b"b.txt"):
        (tmp_path / os.fsdecode(name)).write_text("a")
    found = find_files([str(tmp_path)])
    assert names(found.files, tmp_path) == ["b.txt"]
    assert [(passed.path, passed.reason) for passed in found.unread] == [
        (f"{tmp_path}/.\\xff", "hidden by name"),
        (f"{tmp_path}/caf\\xe9.txt", "not UTF-8 by its name"),
    ]


def test_files_of_no_known_format_are_passed_beside_others(tmp_path: Path) -> None:
    """And refused where they are named, or matched alone."""
    for name in ("a.jsonl", "a.jsonl.bak", "noext", "C.JSONL.GZ", "s.pdf"):
        (tmp_path / name).write_text("{}")
    known = partial(is_known, input_format="auto")

    def found(*patterns: str) -> Matches:
        return find_files([f"{tmp_path}/{pattern}" for pattern in patterns], is_known=known)

    for pattern in ("", "*", "**"):
        matches = found(pattern)
        assert names(matches.files, tmp_path) == ["C.JSONL.GZ", "a.jsonl"]
        assert {passed.reason for passed in matches.unread} == {"of no known format"}
        assert len(matches.unread) == 3
    for refused in (["s.pdf", ""], ["*.pdf", "*.jsonl"], ["s.pdf"]):
        assert f"{tmp_path}/s.pdf" in [file.path for file in found(*refused).files]
    with pytest.raises(UsageError, match=r"The format of .*s\.pdf is not clear from its name"):
        plan_shards(found("*.pdf").files, ReadConfig())
    none = find_files([f"{tmp_path}/*.pdf"], is_known=known, allow_none=True)
    assert (none.files, [passed.path for passed in none.unread]) == ([], [f"{tmp_path}/s.pdf"])
    assert (
        len(find_files([str(tmp_path)], is_known=partial(is_known, input_format="text")).files) == 5
    )


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    """Also behind a link; copies are files of their own."""
    (tmp_path / "x.txt").write_text("a")
    (tmp_path / "copy.txt").write_text("a")
    (tmp_path / "a.txt").hardlink_to(tmp_path / "x.txt")
    (tmp_path / "z.txt").symlink_to(tmp_path / "x.txt")
    found = find_files([str(tmp_path)])
    assert names(found.files, tmp_path) == ["a.txt", "copy.txt"]
    assert [(Path(passed.path).name, passed.detail) for passed in found.unread] == [
        ("x.txt", f"{tmp_path}/a.txt"),
        ("z.txt", f"{tmp_path}/a.txt"),
    ]
    assert set(found.files[0].others) == {f"{tmp_path}/x.txt"}


def test_a_dangling_link_is_left_out_of_globs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone.txt")
    assert names(match_files([f"{tmp_path}/*"]), tmp_path) == ["a.txt"]


def test_a_local_fingerprint_is_size_and_time_in_ns(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("abc")
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))
    (file,) = match_files([str(path)])
    assert file == InputFile(str(path), 3, "3-1700000000123456789")
    assert current_fingerprint(file.path) == file.fingerprint
    os.utime(path, ns=(5, 1_700_000_000_123_456_790))
    assert current_fingerprint(file.path) != file.fingerprint


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.jsonl", "jsonl"),
        ("a.NDJSON", "jsonl"),
        ("a.json.gz", "json"),
        ("gs://b/a.txt.zst", "text"),
        ("a.csv.BZ2", "csv"),
        ("x.y/a.parquet", "parquet"),
        ("x.y/a.avro", "avro"),
    ],
)
def test_the_format_follows_from_the_extension(path: str, expected: str) -> None:
    assert format_of(path) == expected


@pytest.mark.parametrize("path", ["a", "dir.csv/a", "a.xml", "a.gz", "a.csv.lz4"])
def test_an_extension_that_says_nothing_is_refused_with_the_choices(path: str) -> None:
    message = f"The format of {path} is not clear from its name (known: .jsonl, .ndjson, .txt, "
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        format_of(path)
    assert str(caught.value).endswith("--input_format jsonl|lines|text|csv|parquet|json|avro.")


@given(
    sizes=st.lists(st.integers(0, 5000), max_size=5),
    bound=st.integers(1, 700),
    name=st.sampled_from(list(FILE_FORMATS)),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_shards_cover_every_byte_once(sizes: list[int], bound: int, name: str, suffix: str) -> None:
    suffix = "" if name == "parquet" else suffix
    files = [InputFile(f"f{n}{suffix}", size, f"p{n}") for n, size in enumerate(sizes)]
    shards = plan_shards(files, ReadConfig(input_format=name), bound)
    assert sum(shard.size for shard in shards) == sum(sizes)
    for number, file in enumerate(files):
        mine = [shard for shard in shards if shard.source == file.path]
        assert {(shard.format, shard.fingerprint) for shard in mine} == {(name, f"p{number}")}
        if len(mine) == 1:
            assert (mine[0].start, mine[0].stop) == (0, None)
            continue
        assert name in ("jsonl", "lines")
        assert not suffix
        assert [shard.start for shard in mine] == [0, *(shard.stop for shard in mine[:-1])]
        assert mine[-1].stop == file.size
        assert all(0 < shard.size <= bound for shard in mine)


def test_ranges_are_4_mib_locally_and_64_on_object_stores() -> None:
    size = 128 * 2**20
    local = plan_shards([InputFile("/a.jsonl", size, "")], ReadConfig())
    remote = plan_shards([InputFile("gs://b/a.jsonl", size, "")], ReadConfig())
    assert (len(local), len(remote)) == (32, 2)


def test_a_large_input_gets_larger_ranges_and_not_ever_more() -> None:
    """The commit holds something for each: 5 TB in ranges of 4 MiB would be over a million."""
    files = [InputFile(f"/{number}.jsonl", 5 * 2**30, "") for number in range(1000)]
    shards = plan_shards(files, ReadConfig())
    assert 100_000 <= len(shards) <= 101_000
    assert sum(shard.size for shard in shards) == 1000 * 5 * 2**30
    assert len(plan_shards(files[:10], ReadConfig())) == 10 * 5 * 2**30 // (4 * 2**20)


def test_a_compressed_table_is_refused_by_name_and_breaks_itself_alone_below_a_folder() -> None:
    message = (
        "a.parquet.gz is a compressed Parquet file; Parquet is compressed inside, and can only"
    )
    assert (unreadable_named("a.parquet.gz", "auto") or "").startswith(message)
    assert (unreadable_named("a.gz", "parquet") or "").startswith("a.gz is a compressed Parquet")
    for path, name in (("a.parquet", "auto"), ("a.jsonl.gz", "auto"), ("a.gz", "auto")):
        assert unreadable_named(path, name) is None
    (shard,) = plan_shards([InputFile("a.parquet.gz", 1, "")], ReadConfig())
    with pytest.raises(ShardError, match=r"^Parquet is compressed inside, and can only be"):
        list(read_records(io.BytesIO(b"x"), shard, ReadConfig()))


def test_what_cannot_be_planned_is_refused() -> None:
    with pytest.raises(UsageError, match="Byte ranges must hold at least 1 byte, not 0"):
        plan_shards([], ReadConfig(), 0)


def test_match_shards_gives_every_shard_that_was_planned_once(
    tmp_path: Path, make_plan: MakePlan
) -> None:
    shards = [Shard("é\n.jsonl", "jsonl", n, n + 1, 1, "p") for n in range(7)]
    shards.append(Shard("b.gz", "jsonl", 0, None, 3, "q"))
    with BeamPipeline() as pipeline:
        assert_that(pipeline | MatchShards(make_plan(tmp_path / "out", shards)), equal_to(shards))


def test_match_shards_shuffles_once() -> None:
    """The names, in one Reshuffle: more would move more than names, or move them twice."""
    pipeline = BeamPipeline()
    pipeline | MatchShards(run_storage("gs://bucket/out", "r1"))  # type: ignore[unused-ignore]
    steps = pipeline.to_runner_api().components.transforms.values()
    shuffles = [step for step in steps if step.spec.urn == "beam:transform:group_by_key:v1"]
    assert len(shuffles) == 1


def test_an_empty_pattern_that_is_allowed_takes_nothing_from_the_others(tmp_path: Path) -> None:
    """`--allow_no_input` in the night: one empty folder must not hide the full one."""
    (tmp_path / "a.jsonl").write_text("{}")
    patterns = [f"{tmp_path}/none-*.jsonl", f"{tmp_path}/*.jsonl"]
    with pytest.raises(UsageError, match="matches no file"):
        match_files(patterns)
    (file,) = match_files(patterns, allow_none=True)
    assert file.path == f"{tmp_path}/a.jsonl"
    with pytest.raises(UsageError, match="cannot be listed"):
        match_files(["nowhere://x/*", *patterns], allow_none=True)

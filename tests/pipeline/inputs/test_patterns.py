"""Patterns mean what they mean to Python's glob and to shells, on disks and stores alike."""

import glob
import os
import re
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inputs import files as matching
from pipeline.inputs.files import Matches, find_files, match_files
from pipeline.inputs.walk import OwnOutput
from pipeline.outputs.layout import is_own
from schemas.errors import UsageError

NAMES = ("a", "b", "ab", ".h", "x.jsonl", "x\\y", "-")
PARTS = (*NAMES, "*", "**", "?", "[ab]", "[!a]", "[]a]*", "*.jsonl", "x*", ".*", "**b", "[a-", "")

trees = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), max_size=8)
patterns = st.tuples(
    st.lists(st.sampled_from(PARTS[:-1]), min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "/"]),
).map("".join)


def make(root: Path, paths: Sequence[str]) -> None:
    """The files of these paths, as far as none of them is a folder already."""
    for path in paths:
        with_folder = root / path
        try:
            with_folder.parent.mkdir(parents=True, exist_ok=True)
            with_folder.write_text("{}")
        except OSError:
            continue


def files_below(path: Path, seen: set[str]) -> Iterator[str]:
    real = os.path.realpath(path)
    if path.is_file():
        yield real
    elif path.is_dir() and real not in seen:
        seen.add(real)
        for inner in path.iterdir():
            if not inner.name.startswith((".", "_")):
                yield from files_below(inner, seen)


def by_python(root: str, pattern: str) -> set[str]:
    """The files that Python's glob finds, and those in the folders that it finds."""
    if os.path.lexists(f"{root}/{pattern}"):
        found = [f"{root}/{pattern}"]
    else:
        found = glob.glob(f"{root}/{pattern}", recursive=True)  # noqa: PTH207 - the oracle
    folders = [set(files_below(Path(path), set())) for path in found]
    return set().union(*folders) if folders else set()


@given(trees, patterns, st.none() | st.tuples(st.sampled_from(NAMES), st.integers(0, 9)))
@settings(deadline=None)
def test_patterns_match_as_python_has_it(
    paths: list[str], pattern: str, link: tuple[str, int] | None
) -> None:
    """Also through a link to a folder, be it one above: its loop is entered once."""
    with tempfile.TemporaryDirectory() as made:
        root = os.path.realpath(made)
        make(Path(root), paths)
        folders = [folder for folder, _, _ in os.walk(root)]
        if link and not os.path.lexists(f"{folders[-1]}/{link[0]}"):
            Path(folders[-1], link[0]).symlink_to(folders[link[1] % len(folders)])
        found = find_files([f"{root}/{pattern}"], allow_none=True)
        assert {file.identity for file in found.files} == by_python(root, pattern)
        assert len({file.identity for file in found.files}) == len(found.files)
        for file in found.files:
            assert os.path.realpath(file.path) == file.identity
        read = {file.path for file in found.files}
        assert not read & {passed.path for passed in found.unread}


@given(trees, patterns)
@settings(deadline=None)
def test_underscores_hide_as_dots_do(paths: list[str], pattern: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        found = []
        for number, sign in enumerate("._"):
            root = Path(made, str(number))
            root.mkdir()
            make(root, [path.replace(".h", f"{sign}h") for path in paths])
            asked = re.sub(r"(?<![^/])\.(?=[h*])", sign, pattern)
            matches = find_files([f"{root}/{asked}"], allow_none=True)
            told = [file.path for file in matches.files]
            told += [f"{passed.path} {passed.reason}" for passed in matches.unread]
            found.append(sorted(os.path.relpath(one, root).replace("_h", ".h") for one in told))
        assert found[0] == found[1]


@given(trees, patterns, st.booleans())
@settings(deadline=None)
def test_stores_match_as_disks_do(paths: list[str], pattern: str, flat: bool) -> None:
    """One listing, by what Beam makes of a pattern, instead of many."""
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        root = Path(os.path.realpath(made))
        make(root, paths)
        objects = [
            FileMetadata(f"s3://b/in/{path.relative_to(root)}", 2, 1.0)
            for path in root.rglob("*")
            if path.is_file()
        ]

        def listed(asked: str) -> list[FileMetadata]:
            fits = re.compile(FileSystem.translate_pattern(asked)).match
            return [found for found in objects if fits(found.path)]

        patch.setattr(matching, "list_files", listed)
        on_store = find_files([f"s3://b/in/{pattern}"], allow_none=True, flat=flat)
        on_disk = find_files([f"{root}/{pattern}"], allow_none=True, flat=flat)

        def told(matches: Matches, base: str) -> tuple[list[str], list[tuple[str, str]]]:
            return (
                [file.path.removeprefix(base) for file in matches.files],
                [(one.path.removeprefix(base), one.reason) for one in matches.unread],
            )

        assert told(on_store, "s3://b/in") == told(on_disk, str(root))


@given(trees)
@settings(deadline=None)
def test_whatever_is_below_a_folder_is_read_or_told(paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as made:
        root = Path(os.path.realpath(made))
        make(root, paths)
        found = find_files([str(root)], allow_none=True)
        read = {file.path for file in found.files}
        unread = {passed.path for passed in found.unread}
        for path in root.rglob("*"):
            if path.is_file():
                told = [str(p) for p in (path, *path.parents) if str(p) in unread]
                assert (str(path) in read) != bool(told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path, ["a.jsonl", "sub/b.jsonl", "_SUCCESS", ".x.crc", "_old/c.jsonl"])
    return tmp_path


def reasons(matches: Matches, root: Path) -> dict[str, str]:
    told = {}
    for one in matches.unread:
        detail = one.detail if one.detail.startswith("/") else ""
        same = f" {os.path.relpath(detail, root)}" if detail else ""
        told[os.path.relpath(one.path, root)] = one.reason + same
    return told


def test_what_is_seen_and_not_read_is_told_with_its_reason(folder: Path) -> None:
    """A hidden folder is one entry, whatever is in it."""
    (folder / "z.jsonl").symlink_to(folder / "a.jsonl")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.jsonl").symlink_to(folder / "nothing")
    (folder / "round").symlink_to(folder / "round")
    os.mkfifo(folder / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    found = find_files([str(folder)])
    assert [os.path.relpath(file.path, folder) for file in found.files] == [
        "a.jsonl",
        "sub/b.jsonl",
    ]
    assert reasons(found, folder) == {
        ".x.crc": "hidden by name",
        "_SUCCESS": "hidden by name",
        "_old": "hidden by name",
        "gone.jsonl": "leads to nothing",
        "loop": "the same as another .",
        "pipe.jsonl": "no regular file",
        "round": "cannot be read",
        "socket": "no regular file",
        "z.jsonl": "the same as another a.jsonl",
    }
    assert reasons(find_files([f"{folder}/*.jsonl"]), folder).keys() == {
        "gone.jsonl",
        "pipe.jsonl",
        "z.jsonl",
    }


def test_what_one_pattern_passes_and_another_names_is_read(folder: Path) -> None:
    found = find_files([str(folder), f"{folder}/_old", f"{folder}/_SUCCESS"])
    assert reasons(found, folder) == {".x.crc": "hidden by name"}
    assert len(found.files) == 4


def test_a_folder_that_cannot_be_listed_is_told_below_a_pattern_and_refused_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may list any folder, so the system's refusal is put in its place."""
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("/sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("pipeline.inputs.local_tree.os.scandir", refuse)
    found = find_files([f"{folder}/**/*.jsonl"])
    assert reasons(found, folder)["sub"] == "cannot be listed"
    # A name in it can be reached all the same, as `ls` does.
    assert len(match_files([f"{folder}/*/b.jsonl"])) == 1
    with pytest.raises(UsageError, match="/sub' cannot be listed: Permission denied"):
        find_files([f"{folder}/sub"])


def test_no_pipe_socket_or_device_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.jsonl")
    read, write = os.pipe()
    try:
        for path, kind in (
            (tmp_path / "in.jsonl", "a pipe"),
            (f"/dev/fd/{read}", "a pipe"),
            ("/dev/null", "a device"),
            ("/proc/version", "a window into the system"),
        ):
            message = f"--input '{path}' is no regular file but {kind}: gleaner reads files by"
            with pytest.raises(UsageError, match=re.escape(message)):
                find_files([str(path)])
    finally:
        os.close(read)
        os.close(write)


def test_a_file_that_comes_as_standard_input_is_read_by_its_own_name(tmp_path: Path) -> None:
    """Workers have a standard input of their own."""
    (tmp_path / "a.jsonl").write_text("{}")
    with (tmp_path / "a.jsonl").open() as stream:
        (file,) = match_files([f"/dev/fd/{stream.fileno()}"])
    assert file.path == os.path.realpath(tmp_path / "a.jsonl")


def test_brackets_are_a_name_where_they_match_no_other(tmp_path: Path) -> None:
    make(tmp_path, ["of [2024]/a.jsonl", "of [2024]/deep [x]/b.jsonl"])
    for pattern in ("of [2024]/*.jsonl", "*/deep [x]/b.jsonl", "of [[]2024]/*.jsonl"):
        assert len(match_files([f"{tmp_path}/{pattern}"])) == 1, pattern
    make(tmp_path, ["of 4/c.jsonl"])
    found = find_files([f"{tmp_path}/of [2024]/*.jsonl"])
    assert [Path(file.path).name for file in found.files] == ["c.jsonl"]
    assert reasons(found, tmp_path) == {"of [2024]": "read as a pattern"}
    assert len(match_files([f"{tmp_path}/of [2024]"])) == 2


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[[:alpha:]]*", "classes of characters are not known here"),
        ("*/../a.jsonl", "'..' behind a wildcard is not read"),
        ("{a,b}.jsonl", "braces are for shells"),
        (r"a\[1\].jsonl", "a backslash is a character of the name"),
        ("b [1].jsonl", "of a name with brackets, the first is written [[]"),
        ("_*.csv", "matches no file"),
        ("*SUCCESS", "that is read: /"),
    ],
)
def test_what_shells_read_otherwise_is_no_silent_nothing(
    folder: Path, pattern: str, message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        find_files([f"{folder}/{pattern}"])


def test_a_caret_turns_a_set_around_as_in_shells(tmp_path: Path) -> None:
    make(tmp_path, ["a1", "b1", "^1", "]1"])
    for pattern, expected in (
        ("[^a]1", "]^b"),
        ("[!a]1", "]^b"),
        ("[a^]1", "^a"),
        ("[^]a]1", "^b"),
    ):
        found = match_files([f"{tmp_path}/{pattern}"])
        assert sorted(Path(file.path).name[0] for file in found) == sorted(expected), pattern


def test_two_dots_behind_a_link_lead_where_the_system_goes(tmp_path: Path) -> None:
    make(tmp_path, ["far/in/a.jsonl", "far/b.jsonl", "near/b.jsonl"])
    (tmp_path / "near/link").symlink_to(tmp_path / "far/in")
    (file,) = match_files([f"{tmp_path}/near/link/../b.jsonl"])
    assert file.path == os.path.realpath(tmp_path / "far/b.jsonl")


def test_file_urls_have_escapes_and_paths_have_none(tmp_path: Path) -> None:
    make(tmp_path, ["a b%20c.jsonl"])
    expected = f"{tmp_path}/a b%20c.jsonl"
    for given_path in (
        expected,
        f"file://{tmp_path}/a%20b%2520c.jsonl",
        f"file://localhost{tmp_path}/a%20b*.jsonl",
    ):
        (file,) = match_files([given_path])
        assert file.path == expected


@pytest.mark.parametrize("through", ["", "link"])
def test_the_output_is_never_input(tmp_path: Path, through: str) -> None:
    written = ["entities/run_id=r1/p.parquet", "documents/run_id=r1/p.parquet", "runs/r1.json"]
    written += ["reports/r1.html", "current.sql", "_staging/r/p.parquet"]
    make(tmp_path, ["docs/d.parquet", *(f"out/{path}" for path in written), "out/mine.jsonl"])
    (tmp_path / "link").symlink_to("out" if through else "docs")
    output = OwnOutput(os.path.realpath(tmp_path / "out"), is_own)

    def found(*patterns: str) -> list[str]:
        given_patterns = [f"{tmp_path}/{pattern}" for pattern in patterns]
        matches = find_files(given_patterns, output=output, allow_none=True)
        return [os.path.relpath(file.identity, tmp_path) for file in matches.files]

    for pattern in ("", "**", "**/*.parquet", "*/*/*/*.parquet", "*/d.parquet"):
        assert found(pattern) in (["docs/d.parquet"], []), pattern
    assert found("**/*.parquet") == ["docs/d.parquet"]
    for pattern in ("out/entities", "out/runs/r1.json", "out/**/*.parquet", "link/entities"):
        assert found(pattern) == [], pattern
    # What others keep there is theirs, where they name the folder.
    assert found("out") == ["out/mine.jsonl"]
    assert found("out/*") == ["out/mine.jsonl"]
    with pytest.raises(UsageError, match=r"that is read: .*entities/run_id=r1.*: of the output"):
        find_files([f"{tmp_path}/out/entities"], output=output)


@pytest.mark.parametrize(
    ("log", "kind"), [("_delta_log", "Delta table"), (".hoodie", "Hudi table")]
)
def test_a_table_whose_log_may_have_removed_files_is_warned_of(
    tmp_path: Path, log: str, kind: str
) -> None:
    make(tmp_path, [f"t/{log}/1.json", "t/year=1/a.parquet", "other/b.parquet"])
    for pattern in ("", "t", "**/*.parquet", "t/year=1", "t/year=1/*.parquet"):
        (warning,) = find_files([f"{tmp_path}/{pattern}"]).warnings
        assert warning.startswith(f"{tmp_path}/t is a {kind}: files that its log has removed")
    assert not find_files([f"{tmp_path}/other"]).warnings


def test_metadata_of_iceberg_is_no_input(tmp_path: Path) -> None:
    make(tmp_path, ["t/metadata/v1.metadata.json", "t/metadata/s.avro", "t/data/a.parquet"])
    found = find_files([str(tmp_path)])
    assert [Path(file.path).name for file in found.files] == ["a.parquet"]
    assert reasons(found, tmp_path) == {"t/metadata": "metadata of a table"}
    assert "Iceberg table" in found.warnings[0]
    assert len(match_files([f"{tmp_path}/t/metadata/*.json"])) == 1

"""Only files on a disk are opened: a pipe that nobody writes to is no reason to wait."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from model.corpora.read import read_labelled
from model.host.regular_files import open_regular
from model.training.word_vectors import read_vectors
from pipeline.inputs.shards import open_shard
from schemas.errors import UsageError

pytestmark = pytest.mark.timeout(30)


def other_thing(kind: str, path: Path) -> Path:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.fspath(path))
    else:
        path.symlink_to(kind)
    return path


THINGS = ["pipe", "socket", "/dev/zero", "/dev/null"]


@pytest.mark.parametrize("kind", THINGS)
def test_what_became_no_file_since_it_was_matched_is_an_error_at_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may have 107 bytes
    path = other_thing(kind, Path("a.jsonl"))
    with pytest.raises(OSError, match=r"."):
        open_regular(path)
    with pytest.raises(OSError, match=r"."):
        open_shard(str(path.absolute()))


@pytest.mark.parametrize("kind", THINGS)
@pytest.mark.parametrize("read", [read_labelled, read_vectors])
def test_labelled_files_and_vectors_are_files(
    read: Callable[[str], object], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = other_thing(kind, Path("a.conll"))
    with pytest.raises(UsageError, match=r"a.conll: (cannot be read|no such file)"):
        read(str(path))


def test_a_file_is_read_whole_and_a_folder_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"Maria\n")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as stream:
        assert stream.readall() == b"Maria\n"
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)

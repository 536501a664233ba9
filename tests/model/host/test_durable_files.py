"""A file is replaced whole or not at all, and nothing is left beside it."""

import os
import stat
from pathlib import Path

import pytest

from model.host.durable_files import replace_file


def test_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for data in (b"first", b"", b"second"):
        replace_file(file, data)
        assert file.read_bytes() == data
        assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - names alone


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_where_the_disk_refuses_the_file_before_stays(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "a"
    file.write_bytes(b"before")
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"after")
    assert file.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - names alone


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_file_is_for_whom_it_is_meant_whatever_the_umask(mode: int, tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        replace_file(tmp_path / "a", b"x", mode)
        replace_file(tmp_path / "b", b"x")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o640

"""Patterns in, the files that they match out, each with its size and its state."""

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from pipeline.filesystems.beam import filesystems, list_files, refusal
from pipeline.filesystems.paths import bucket_and_key, is_remote, local_path
from pipeline.inputs.formats.records import encodable
from pipeline.inputs.globs import MAGIC, Glob
from pipeline.inputs.local_tree import (
    absolute,
    base_of,
    is_file,
    kind_of,
    kind_of_mode,
    list_folder,
    why_lost,
)
from pipeline.inputs.object_tree import Object, ObjectTree
from pipeline.inputs.walk import OwnOutput, Reason, Unread, Walk, tables_above
from schemas.errors import UsageError

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata

_NAMED = 3  # of what is not read, in a message
_CLASS = re.compile(r"\[[^]]*\[[:=.]")  # [[:digit:]]
_HINTS: Mapping[str, str] = {
    "[": "of a name with brackets, the first is written [[]",
    "\\": "a backslash is a character of the name",
    "{": "braces are for shells: without quotes, they give several patterns",
    "~": "a tilde is for shells: without quotes, it is the home folder",
    "file://": "percent signs begin escapes in file://",
}


class InputFile(NamedTuple):
    """A file that was matched: absolute path or URL, size in bytes, state when it was matched.

    real_path: the path without links, where that is another. inode: of a file that has hard links,
    the same for all of them; others: the names of those that are not read. source: the name in the
    tables, where an earlier run read the same file under another one.
    """

    path: str
    size: int
    fingerprint: str
    real_path: str = ""
    source: str = ""
    inode: str = ""
    others: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.source or self.path

    @property
    def identity(self) -> str:
        """The same for all names of a file."""
        return self.real_path or self.path


@dataclass(frozen=True)
class Matches:
    """Files, each once, sorted by path; what was seen and is not read; what is odd about them.

    is_named: whether it is one file, which the pattern named.
    """

    files: Sequence[InputFile] = ()
    unread: Sequence[Unread] = ()
    warnings: tuple[str, ...] = ()
    is_named: bool = False


def match_files(patterns: Iterable[str], *, allow_none: bool = False) -> list[InputFile]:
    """The files of `find_files` alone."""
    return list(find_files(patterns, allow_none=allow_none).files)


def find_files(
    patterns: Iterable[str],
    *,
    allow_none: bool = False,
    flat: bool = False,
    output: OwnOutput | None = None,
    is_known: Callable[[str], bool] = bool,  # any, by default
) -> Matches:
    """Patterns of any filesystem in, what they match out.

    A pattern is a path, a folder (all files below it, with `flat` those in it alone), or a glob as
    Python and shells read it (see `Glob`). What exists by the name of a pattern is what it means.
    Local paths become absolute. Links are followed; a file that has several names is read under
    the first of them. Hidden names are matched only by a pattern that has such a name itself, what
    is of the `output` by none. A file is passed whose name is not UTF-8, or says of no format that
    `is_known`, unless it is named, or the pattern matches no other and has to match one. Raises
    UsageError for a pattern that cannot be listed, what is named and is no file, names that are not
    UTF-8 where they are not passed, and a pattern that matches nothing unless `allow_none`.
    """
    files: dict[str, InputFile] = {}
    unread: dict[str, Unread] = {}
    warnings: dict[str, None] = {}
    for pattern in patterns:
        try:
            matches = _readable(_match(pattern, flat, output), is_known, allow_none=allow_none)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"--input {pattern!r} cannot be listed: {reason}.") from error
        if not matches.files and not allow_none:
            raise UsageError(_no_file(pattern, matches.unread))
        files |= {file.path: file for file in matches.files}
        unread |= {passed.path: passed for passed in matches.unread}
        warnings.update(dict.fromkeys(matches.warnings))
    _require_utf8(files)
    read = sorted(files)
    if any(file.real_path or file.inode for file in files.values()):
        firsts: dict[str, str] = {}
        others: dict[str, list[str]] = {}
        for path in read:
            file = files[path]
            first = firsts.setdefault(file.inode or file.identity, path)
            if first != path:
                unread[path] = Unread(path, "the same as another", first)
                others.setdefault(first, []).append(file.identity)
        read = list(firsts.values())
        for path, names in others.items():
            files[path] = files[path]._replace(others=tuple(names))
    return Matches(
        list(map(files.__getitem__, read)),
        [
            _encodable(unread[path])
            for path in sorted(unread)
            if not _is_read(path, unread[path], read)
        ],
        tuple(warnings),
    )


def _readable(matches: Matches, is_known: Callable[[str], bool], *, allow_none: bool) -> Matches:
    """Without files that are there by chance, as others show, or that there may be no others."""
    paths = [file.path for file in matches.files]
    # Of 100,000 names a few extensions are looked at, which takes a tenth of the time.
    ends = {path.rpartition(".")[2] for path in paths}
    if matches.is_named or (encodable("".join(paths)) and all(is_known(f"a.{e}") for e in ends)):
        return matches
    reasons: dict[str, Reason] = {}
    for path in paths:
        if not encodable(path):
            reasons[path] = "not UTF-8 by its name"
        elif not is_known(path):
            reasons[path] = "of no known format"
    if not reasons or (len(reasons) == len(paths) and not allow_none):
        return matches
    return replace(
        matches,
        files=[file for file in matches.files if file.path not in reasons],
        unread=[*matches.unread, *(Unread(path, reason) for path, reason in reasons.items())],
    )


def _encodable(unread: Unread) -> Unread:
    """The same with escapes for the bytes of names that are not UTF-8."""
    path, detail = (
        os.fsencode(name).decode(errors="backslashreplace") for name in (unread.path, unread.detail)
    )
    return replace(unread, path=path, detail=detail)


def _is_read(path: str, passed: Unread, read: Sequence[str]) -> bool:
    """Whether another pattern has what one passed: the file, or something in the folder."""
    at = bisect_left(read, path)
    if read[at : at + 1] == [path]:
        return True
    at = bisect_left(read, f"{path}/")
    is_same = passed.reason == "the same as another"
    return not is_same and at < len(read) and read[at].startswith(f"{path}/")


def _require_utf8(paths: Iterable[str]) -> None:
    try:
        "".join(paths).encode()  # at once, which takes a third of the time
    except UnicodeEncodeError as error:
        wrong = next(path for path in paths if not encodable(path))
        name = os.fsencode(wrong)
        raise UsageError(f"The name of the input file {name!r} is not UTF-8.") from error


def _match(pattern: str, flat: bool, output: OwnOutput | None) -> Matches:
    path = local_path(pattern)
    if not path:
        return Matches()
    return (_match_objects if is_remote(path) else _match_local)(pattern, path, flat, output)


def _match_local(pattern: str, path: str, flat: bool, output: OwnOutput | None) -> Matches:
    wants_folder = path.endswith("/")
    wildcard = MAGIC.search(path)
    if wildcard and ".." in path[wildcard.end() :].split("/") and not os.path.lexists(path):
        raise UsageError(
            f"--input {pattern!r}: '..' behind a wildcard is not read; name the folder."
        )
    path = absolute(path)
    if os.path.isdir(path):
        base, glob = path, Glob((), flat)
    elif os.path.lexists(path):
        return _named(pattern, path, output) if not wants_folder else Matches()
    elif MAGIC.search(path):
        _refuse_classes(pattern, path)
        base, rest = base_of(f"{path}/" if wants_folder else path)
        glob = Glob.of(rest, flat=flat)
        if not os.path.isdir(base):
            return Matches()
    else:
        return Matches()
    walk = Walk(glob, list_folder, output)
    files = []
    for entry, real in walk.matches(base, os.path.realpath(base)):
        try:
            state = os.stat(entry.path)
        except OSError as error:
            walk.unread.append(why_lost(entry, error))
            continue
        if is_file(state.st_mode, real):
            files.append(_local_file(entry.path, real, state))
        else:
            walk.unread.append(Unread(entry.path, "no regular file", kind_of_mode(state.st_mode)))
    tables = {**tables_above(f"{base.rstrip('/')}/*", os.path.isdir), **walk.tables}
    return Matches(files, walk.unread, _warnings(pattern, glob, tables, files))


def _named(pattern: str, path: str, output: OwnOutput | None) -> Matches:
    """A path that exists and is no folder."""
    kind, real = kind_of(path), os.path.realpath(path)
    if kind == "a link to nothing":
        return Matches(unread=[Unread(path, "leads to nothing")])
    if kind:
        raise UsageError(
            f"--input {pattern!r} is no regular file but {kind}: gleaner reads files by ranges of "
            "bytes, so save what comes from it to a file first."
        )
    if output and output.holds(real, real):
        return Matches(unread=[Unread(path, "of the output")])
    return Matches([_local_file(path, real, os.stat(path))], is_named=True)


def _local_file(path: str, real: str, state: os.stat_result) -> InputFile:
    fingerprint = f"{state.st_size}-{state.st_mtime_ns}"
    file = InputFile(path, state.st_size, fingerprint, real if real != path else "")
    if state.st_nlink > 1 and state.st_ino:  # which some filesystems leave 0
        return file._replace(inode=f"{state.st_dev}:{state.st_ino}")
    return file


def _match_objects(pattern: str, url: str, flat: bool, output: OwnOutput | None) -> Matches:
    wants_folder = url.endswith("/") or not bucket_and_key(url)[1]
    url = url.rstrip("/")
    is_glob = MAGIC.search(url)
    try:
        listed = [] if wants_folder or is_glob else list_files(url)
        if not listed:
            # Beam lists what begins with a text as well, and cannot quote its own wildcards.
            listed = list_files(f"{MAGIC.split(url)[0]}**" if is_glob else f"{url}/**")
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"--input {pattern!r} cannot be listed: {refusal(error)}.") from error
    tree = ObjectTree((MAGIC.split(url)[0] if is_glob else url).rpartition("/")[0], listed)
    if url in tree.objects and not wants_folder:
        is_own = output is not None and output.holds(url, url)
        if is_own:
            return Matches(unread=[Unread(url, "of the output")])
        return Matches([_remote_file(tree.objects[url])], is_named=True)
    if tree.has_folder(url):
        base, glob = url, Glob((), flat)
    elif is_glob:
        _refuse_classes(pattern, url)
        base, rest = base_of(f"{url}/" if wants_folder else url)
        glob = Glob.of(rest, flat=flat)
    else:
        return Matches()
    walk = Walk(glob, tree.entries, output)
    files = [
        _remote_file(entry.metadata)
        for entry, _ in walk.matches(base, base)
        if isinstance(entry, Object) and entry.metadata
    ]
    return Matches(files, walk.unread, _warnings(pattern, glob, walk.tables, files))


def _refuse_classes(pattern: str, path: str) -> None:
    """Raise UsageError for [[:digit:]], which shells know and `Glob` would read otherwise."""
    if _CLASS.search(path):
        raise UsageError(
            f"--input {pattern!r}: classes of characters are not known here; [0-9] is one that is."
        )


def _warnings(
    pattern: str, glob: Glob, tables: Mapping[str, str], files: Sequence[InputFile]
) -> tuple[str, ...]:
    warnings = [
        f"{folder} is a {kind}: files that its log has removed may be among those that were read"
        for folder, kind in sorted(tables.items())
        if any(file.path.startswith(f"{folder}/") for file in files)
    ]
    if any("**" in part and part != "**" for part in glob.parts):
        warnings.append(
            f"--input {pattern!r}: ** is read as *, since it stands for folders only where nothing "
            "is beside it between slashes, as in **/*.jsonl"
        )
    return tuple(warnings)


def _no_file(pattern: str, unread: Sequence[Unread]) -> str:
    if pattern == "-":
        return "--input '-': standard input is not read; save what comes from it to a file first."
    message = f"--input {pattern!r} matches no file (with --allow_no_input that is an empty run)"
    if unread:
        few = [f"{passed.path}: {passed.reason}" for passed in unread[:_NAMED]]
        more = f", and {len(unread) - _NAMED:,} more" if unread[_NAMED:] else ""
        return f"{message} that is read: {'; '.join(few)}{more}."
    told = [hint for sign, hint in _HINTS.items() if sign in pattern]
    return f"{message}.{' Note: ' + '; '.join(told) + '.' if told else ''}"


def _remote_file(meta: "FileMetadata") -> InputFile:
    # Size and time come with the listing. An etag would cost a request for each file: at 50 ms,
    # more than an hour for 100,000 files.
    if meta.last_updated_in_seconds:
        state = f"{meta.size_in_bytes}-{round(meta.last_updated_in_seconds * 1000)}ms"
    else:
        state = f"{meta.size_in_bytes}-{filesystems().checksum(meta.path)}"
    return InputFile(meta.path, meta.size_in_bytes, state)


def current_fingerprint(path: str) -> str:
    """The path of a matched file in, its fingerprint now out; raises OSError if it is gone."""
    if not is_remote(path):
        state = os.stat(path)
        return f"{state.st_size}-{state.st_mtime_ns}"
    return _remote_file(filesystems().get_filesystem(path).metadata(path)).fingerprint

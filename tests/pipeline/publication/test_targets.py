"""What cannot be published to is refused in one sentence, before anything is written."""

import json
import socket
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline.publication import table
from pipeline.publication.publish import publish, required_targets
from pipeline.publication.targets import forget_target, read_publications, remember, target
from schemas.errors import UsageError
from tests.jobs.runs.view.histories import LATER, SOURCES, committed, write
from tests.pipeline.publication.places import counting, make_output, seen, targets_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output that was never published."""
    return make_output(tmp_path / "place/out")


def written(root: Path) -> list[Path]:
    """All that is beside the output and in it."""
    return sorted(root.parent.rglob("*"))


def refused(root: Path, text: str) -> str:
    """The one line in which a target is refused; nothing is written."""
    before = written(root)
    with pytest.raises(UsageError) as told:
        required_targets(str(root), [text])
    assert written(root) == before
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        *("delta", "delta=", "Delta=out", "=out", "", "parquet=out", "iceberg", "iceberg="),
        *("iceberg=a/b/c", "iceberg=/open", "iceberg=lake/", "iceberg=a..b", "iceberg=a b"),
    ],
)
def test_what_names_no_target_is_told_what_does(root: Path, text: str) -> None:
    assert refused(root, text) == (
        f"{text!r} is no target, expected delta=FOLDER, iceberg=NAMESPACE or "
        "iceberg=CATALOG/NAMESPACE"
    )


def test_looking_at_targets_writes_nothing(root: Path) -> None:
    before = written(root)
    assert len(required_targets(str(root), targets_of(root))) == 3
    assert written(root) == before


def test_a_target_that_is_named_twice_is_published_to_once(root: Path) -> None:
    texts = [f"delta={root}", f"delta={root}/", f"delta=file://{root}", "iceberg=open"]
    targets = required_targets(str(root), [*texts, *texts])
    assert [one.text for one in targets] == [f"delta={root}", "iceberg=open"]


@pytest.mark.parametrize("name", ["lake", "lake/below", "out/_iceberg"])
def test_a_file_in_the_place_of_a_folder_is_named(root: Path, name: str) -> None:
    file = root.parent / name.removesuffix("/below")
    file.write_text("mine")
    text = "iceberg=open" if "iceberg" in name else f"delta={root.parent}/{name}"
    assert refused(root, text).endswith(f"{file} is not a directory")


def test_a_file_in_the_place_of_a_table_is_an_error_that_names_it(root: Path) -> None:
    (root.parent / "lake").mkdir()
    (root.parent / "lake/documents").write_text("mine")
    assert f"{root.parent}/lake/documents" in refused(root, f"delta={root.parent}/lake")


@pytest.mark.parametrize("place", ["a,b", "a,b=c", "/lakes/a,b"])
def test_a_folder_with_a_comma_is_refused_in_words(root: Path, place: str) -> None:
    told = refused(root, f"delta={place}")
    assert told.startswith(
        f"'delta={place}' is no target, since only by=FIELD stands behind a comma"
    )
    assert told.endswith(f"the folder would be {Path(place).absolute()}")


def test_a_comma_in_the_folder_of_the_user_is_one_of_the_target(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be remembered by a name that is none."""
    (root.parent / "a,b").mkdir()
    monkeypatch.chdir(root.parent / "a,b")
    assert refused(root, "delta=lake").endswith(f"the folder would be {root.parent}/a,b/lake")


def test_a_tilde_that_no_shell_replaced_is_refused(root: Path) -> None:
    assert refused(root, "delta=~/lake").startswith(
        "delta=~/lake: the folder ~/lake: no shell made"
    )


def test_a_folder_below_the_output_is_refused(root: Path) -> None:
    """Its files would be taken for the output's own."""
    told = refused(root, f"delta={root}/documents")
    assert told.endswith(f"is inside of the output; delta={root} is the output")


def test_the_folder_of_another_output_is_refused(root: Path) -> None:
    """Whose readers would find the rows of both."""
    other = make_output(root.parent / "other")
    assert "is another output" in refused(root, f"delta={other}")


def test_the_table_of_somebody_else_is_refused(root: Path) -> None:
    write_deltalake(root.parent / "lake/entities", pa.table({"theirs": [1]}))
    told = refused(root, f"delta={root.parent}/lake")
    assert told.endswith("there is a table entities of somebody else already")
    assert read_publications(str(root)) is None


def test_a_catalog_that_does_not_answer_is_one_sentence_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"http://127.0.0.1:{port}")
    started = time.monotonic()
    assert refused(root, "iceberg=lake/open").startswith("iceberg=lake/open: it is out of reach: ")
    assert time.monotonic() - started < 30


def test_a_catalog_that_is_not_configured_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", "sqlite:///:memory:")
    assert refused(root, "iceberg=lakes/open") == (
        "iceberg=lakes/open: pyiceberg's configuration has no catalog 'lakes', did you mean lake?"
    )


@pytest.mark.parametrize("text", ["iceberg=a.b", "iceberg=lake/a.b"])
def test_a_namespace_within_another_is_refused_by_catalogs_that_have_none(
    root: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", "sqlite:///:memory:")
    assert refused(root, text) == f"{text}: its catalog takes no dot in a namespace: 'a.b'"


@pytest.mark.parametrize(
    ("number", "field", "message"),
    [
        (0, "the year", "Delta Lake takes no blanks and no {}()=,; in a column: 'the year'"),
        (1, "a=b", "Delta Lake takes no blanks and no {}()=,; in a column: 'a=b'"),
        (1, "DOC_ID", "the columns 'doc_id' and 'DOC_ID' cannot be in one published table, since"),
        (2, "Run_Id", "the columns 'Run_Id' and 'run_id' cannot be in one published table, since"),
    ],
)
def test_columns_that_a_table_cannot_have_are_refused(
    root: Path, number: int, field: str, message: str
) -> None:
    """Those that runs kept, and those that one will have kept."""
    text = targets_of(root)[number]
    with pytest.raises(UsageError) as told:
        required_targets(str(root), [text], [field])
    write(root, {**committed("r3", [SOURCES[0]], [field]), "timings": LATER})
    assert refused(root, text) == str(told.value)
    assert str(told.value).startswith(f"{text}: {message}")


def test_a_column_that_differs_in_case_from_one_that_is_there_is_refused(root: Path) -> None:
    """A table keeps the columns of runs that count no more."""
    write(root, {**committed("r3", [SOURCES[0]], ["year"]), "timings": LATER})
    for one in required_targets(str(root), targets_of(root)):
        publish(str(root), one)
    for text in targets_of(root):
        with pytest.raises(UsageError, match="the columns 'year' and 'Year' cannot be"):
            required_targets(str(root), [text], ["Year"])


def test_a_field_that_no_run_kept_is_refused(root: Path) -> None:
    for text in targets_of(root):
        told = refused(root, f"{text},by=year")
        assert told.endswith("no run kept the field year, by which it is to be published")
        assert required_targets(str(root), [f"{text},by=year"], ["year"])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_two_targets_of_one_place_the_second_is_refused(root: Path, number: int) -> None:
    """In one command, and where the first is remembered; it says what to do."""
    texts = [targets_of(root)[number], f"{targets_of(root)[number]},by=year"]
    for first, second in (texts, texts[::-1]):
        with pytest.raises(UsageError) as told:
            required_targets(str(root), [first, second], ["year"])
        assert str(told.value) == (
            f"{first} and {second} are one place, whose tables have one partition: name one of them"
        )
        remember(str(root), first)
        for refuse in (required_targets, lambda root, texts: remember(root, *texts)):
            with pytest.raises(UsageError, match=f"or end the first with .* --stop {first}"):
                refuse(str(root), [second])
        known = read_publications(str(root))
        assert known
        assert known.targets == (first,)
        forget_target(str(root), first)


def test_a_target_that_is_refused_is_not_remembered(root: Path) -> None:
    """Also where it was in reach a moment before; the output has its id by then."""
    one = target(f"delta={root.parent}/lake", str(root))
    write_deltalake(root.parent / "lake/documents", pa.table({"theirs": [1]}))
    with pytest.raises(UsageError, match="of somebody else already"):
        publish(str(root), one)
    known = read_publications(str(root))
    assert known
    assert known.targets == ()


def test_a_catalog_that_is_damaged_is_one_sentence(root: Path) -> None:
    (root / "_iceberg").mkdir()
    (root / "_iceberg/catalog.db").write_text("no database" * 1000)
    assert refused(root, "iceberg=open").startswith("iceberg=open: it is out of reach: ")


@pytest.mark.parametrize("text", ["delta=/lake", "iceberg=open"])
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    root: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "find_spec", lambda _: None)
    told = refused(root, text)
    assert told.startswith(f"{text}: it needs more packages: ")
    assert f"[{text.partition('=')[0]}]" in told


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "is no list of publications, it may be damaged"),
        (b"", "is no list of publications, it may be damaged"),
        (b'{"version": 1, "owner": 5, "targets": []}', "is no list of publications"),
        (b'{"version": 2, "places": {}}', "is of a newer version of gleaner"),
        (b'{"version": 1, "owner": "x", "root": "/out", "targets": ["odd=place"]}', None),
    ],
)
def test_what_an_output_remembers_is_believed_or_refused(
    root: Path, data: bytes, message: str | None
) -> None:
    (root / "_published.json").write_bytes(data)
    if message:
        assert f"{root}/_published.json {message}" in refused(root, "iceberg=open")
    else:
        assert required_targets(str(root), ["iceberg=open"])


_ODD = (
    *("a b", "it's", 'say "so"', "[x] {y}", "*star", "ümläut é 日本"),
    *("x:y@z", "a=b&c;d+e", "<|>$^`~"),
)


@pytest.mark.parametrize("name", [*_ODD, "a#b", "a?b"])
def test_odd_names_of_folders_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    """Of Iceberg those that are no part of a URL are refused."""
    root = make_output(tmp_path / name / "out")
    texts = targets_of(root)
    if set(name).intersection("#?"):
        told = refused(root, texts.pop())
        assert told.endswith(f"has {name[1]!r}, which no path of Iceberg's can have")
    for one in required_targets(str(root), texts):
        publish(str(root), one)
    found = seen(root)
    for place, rows in counting(root).items():
        is_published = place[0] != "iceberg" or len(texts) == 3
        assert found[place] == (rows if is_published else None), place


@pytest.mark.parametrize("name", ["a%20b", "100%", "back\\slash", "tab\tbed", "two\nlines"])
def test_names_that_libraries_read_otherwise_are_refused(tmp_path: Path, name: str) -> None:
    root = make_output(tmp_path / name / "out")
    for text in targets_of(root)[:2]:
        assert "delta-rs reads paths with" in refused(root, text)
    if "\\" not in name:
        assert "which no path of Iceberg's can have" in refused(root, "iceberg=open")


def test_the_output_keeps_one_id_whatever_it_is_published_to(root: Path) -> None:
    owners = set()
    for one in required_targets(str(root), targets_of(root)):
        publish(str(root), one)
        known = read_publications(str(root))
        assert known
        owners.add(known.owner)
    assert len(owners) == 1
    assert json.loads((root / "_published.json").read_bytes())["targets"] == sorted(
        targets_of(root)
    )

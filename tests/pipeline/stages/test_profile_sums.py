"""A run's profile: what files say of it adds up to what all of their documents are."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from model.drift.profile import CONFIDENCE_BINS, LENGTH_BOUNDS, Profile, profile_of
from model.drift.sums import profile_of_sums, profile_sums
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import run_storage
from pipeline.stages.row_sinks import TaggedSink, WriteConfig
from schemas.records import Document, FileResult, TaggedDocument

MakeTagged = Callable[..., TaggedDocument]

COUNT = st.integers(0, 100)
PROFILES = st.builds(
    Profile,
    tokens=COUNT,
    unknown_tokens=COUNT,
    sentence_lengths=st.tuples(*[COUNT] * len(LENGTH_BOUNDS)),
    confidences=st.dictionaries(
        st.text(max_size=5), st.tuples(*[COUNT] * CONFIDENCE_BINS).filter(any), max_size=3
    ),
)


@given(PROFILES)
def test_a_profile_comes_back_from_its_sums(profile: Profile) -> None:
    """Whatever its labels are called."""
    assert profile_of_sums(profile_sums(profile)) == profile


def test_the_files_of_a_run_add_up_to_its_documents(
    make_tagged: MakeTagged, tmp_path: Path
) -> None:
    """In several files, with documents that are empty, and other sums beside."""
    documents = [
        make_tagged(Document("a", "x", 0, "Ada met Bo. Rain."), ("Ada", "per", 0.31)),
        make_tagged(Document("b", "x", 1, "")),
        make_tagged(Document("c", "y", 0, "Oslo."), ("Oslo", "a/b", 1.0)),
        make_tagged(Document("d", "y", 1, "Cyd left Oslo."), ("Cyd", "per", 0.35)),
    ]
    storage = run_storage(str(tmp_path / "out"), "r1")
    config = WriteConfig(storage, RowConfig("m@0", datetime(2026, 1, 1, tzinfo=UTC)), 10**9)
    files = []
    for part in (documents[:2], documents[2:]):
        sink = TaggedSink(config)
        files += [*sink.write(part), *sink.close()]
    sums: Counter[str] = Counter()
    for file in files:
        if isinstance(file, FileResult) and file.table == "documents":
            sums.update(file.totals)
    assert profile_of_sums(sums) == profile_of(documents)
    assert profile_of(documents).confidences["per"][3] == 2

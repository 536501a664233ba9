"""Entities against the texts of their documents, wherever these stand."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import jobs.runs.verify.texts

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import Manifest, VerifiedOutput


def swap_offsets(rows: pa.Table) -> pa.Table:
    """Of the first two entities that differ in length by nothing and in words by something."""
    told = rows.to_pylist()
    one, other = next(
        (n, m)
        for n in range(len(told))
        for m in range(n)
        if len(told[n]["text"]) == len(told[m]["text"]) and told[n]["text"] != told[m]["text"]
    )
    order = list(range(len(told)))
    order[one], order[other] = other, one
    return rows.set_column(rows.column_names.index("text"), "text", rows["text"].take(order))


def reverse_text(rows: pa.Table) -> pa.Table:
    """Of the first entity."""
    first, *others = rows["text"].to_pylist()
    texts = pa.array([first[::-1], *others])
    return rows.set_column(rows.column_names.index("text"), "text", texts)


def test_texts_are_the_same_in_portions(
    output: "VerifiedOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where documents that share an id come in different ones."""
    expected = output.verify()
    monkeypatch.setattr(jobs.runs.verify.texts, "CHARACTERS", 1)
    code, told = output.verify()
    assert (code, told[:-1]) == (0, expected[1][:-1])


def test_an_input_that_is_still_there_is_read_again(output: "VerifiedOutput") -> None:
    output.rebuild("entities", swap_offsets)
    code, told = output.verify()
    assert code == 1
    source = output.manifest("job.1")["inputs"][0]["source"]
    assert told[0].startswith(f"error: run job.1: {source}: document 'a")
    assert " does not have " in told[0]


def test_texts_that_were_kept_stand_for_an_input_that_is_gone(output: "VerifiedOutput") -> None:
    def gone(told: "Manifest") -> None:
        told["inputs"][0]["fingerprint"] = "0-0"

    for run_id in ("first", "job.1"):
        output.change_manifest(run_id, gone)
    for run_id, inputs in (("first", 0), ("job.1", 1)):
        entries = output.manifest(run_id)["inputs"]
        whole = sum(entry["entities"] for entry in entries)
        known = entries[0]["entities"] if not inputs else whole - entries[0]["entities"]
        code, (told,) = output.verify(run_id)
        assert code == 0
        assert f" {known} texts of {whole} entities " in told
    output.rebuild("entities", swap_offsets, "first")
    code, told_lines = output.verify("first")
    assert code == 1
    assert "does not have" in told_lines[0]


def test_a_repair_is_compared_with_the_dead_letters_that_it_read(output: "VerifiedOutput") -> None:
    output.rebuild("entities", reverse_text, "repair")
    code, told = output.verify("repair")
    assert code == 1
    assert "document 'late' does not have" in told[0]

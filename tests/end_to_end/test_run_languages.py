"""What a run says of languages that its model does not know, and that it can leave out."""

import json
from pathlib import Path

import duckdb
import pytest

from pipeline.run import run
from schemas.errors import UsageError

SENTENCES = {
    "en": "The minister said on the {}th that the talks would go on for another week.",
    "de": "Der Minister sagte am {}., dass die Gespräche noch eine Woche dauern.",
    "zh": "部长{}日表示，会谈还将持续一个星期，双方都希望达成协议。",
}
COUNTS = {"en": 14, "de": 4, "zh": 2}


@pytest.fixture
def flags(tmp_path: Path, tiny_artifact: Path) -> list[str]:
    """Of a run over twenty documents, and one record that is none."""
    lines = [
        json.dumps({"id": f"{language}{n}", "text": SENTENCES[language].format(n)})
        for language, count in COUNTS.items()
        for n in range(count)
    ]
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, "{", ""]))
    files = (f"--input={tmp_path}/in.jsonl", f"--output={tmp_path}/out")
    return [f"--model={tiny_artifact}", *files, "--run_id=r1", "--max_dead_letters=1"]


def test_other_languages_and_scripts_are_told_of_in_summary_and_manifest(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(flags) == 0
    manifest = json.loads((tmp_path / "out/runs/r1.json").read_text())
    scripts, languages = manifest["warnings"]
    assert "of the characters are of scripts without blanks between words" in scripts
    assert languages == (
        "6 of 20 documents whose language was found out are in another than the model's, en: "
        "de 20.0%, zh 10.0%; --languages en leaves them out"
    )
    summary = " ".join(capsys.readouterr().out.split())
    assert scripts in summary
    assert languages in summary
    assert "6 of 20 documents whose language was found out" in " ".join(
        (tmp_path / "out/reports/r1.html").read_text().split()
    )


def test_documents_in_other_languages_are_left_out_and_counted(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*flags, "--languages=EN, zh"]) == 0
    manifest = json.loads((tmp_path / "out/runs/r1.json").read_text())
    counts = manifest["counts"]
    assert counts["records"] == 21
    assert (counts["documents"], counts["dead_letters"], counts["left_out"]) == (16, 1, 4)
    assert manifest["inputs"][0]["left_out"] == 4
    assert manifest["configuration"]["languages"] == ["en", "zh"]
    assert "21 records = 16 documents + 1 dead letter + 4 left out" in capsys.readouterr().out
    with duckdb.connect() as db:
        files = [f"{tmp_path}/out/documents/*/*.parquet"]
        ids = db.execute("SELECT doc_id FROM read_parquet(?)", files).fetchall()
    assert {doc_id[:2] for (doc_id,) in ids} == {"en", "zh"}


@pytest.mark.parametrize("language", ["english", "xx", "en,klingon"])
def test_a_language_that_no_text_is_found_to_be_in_is_refused(
    flags: list[str], language: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="expected codes such as"):
        run([*flags, f"--languages={language}"])
    assert not (tmp_path / "out").exists()

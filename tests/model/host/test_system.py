"""What the system says of this machine is taken as it says it, and where it is silent."""

from pathlib import Path

from model.host.system import processor_name, read_system


def test_the_processor_has_a_name_on_one_line() -> None:
    name = processor_name()
    assert name == name.strip() != ""
    assert len(name.splitlines()) == 1


def test_what_is_not_there_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("Ferry 7\n")
    assert read_system(str(tmp_path / "model")) == "Ferry 7\n"
    assert read_system(str(tmp_path / "none")) == ""

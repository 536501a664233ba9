"""The file of rules: what it sets, and what of it is refused."""

from pathlib import Path

import pytest

from jobs.resolve.rules import Rules, read_rules
from jobs.resolve.vocabulary import kind_of
from schemas.errors import UsageError


def written(folder: Path, text: str) -> str:
    path = folder / "names.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_file_sets_thresholds_steps_and_kinds_of_labels(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        without = ["similar"]
        [labels]
        persons = ["Skipper"]
        places = ["per", "Port"]
        [document]
        share = 1
        least = 1
        [similar]
        ratio = 2.5
        """,
    )
    rules = read_rules(path, ["initials"])
    assert (rules.document_share, rules.document_least, rules.similar_ratio) == (1, 1, 2.5)
    assert rules.document_coverage == Rules().document_coverage
    assert rules.without == ("initials", "similar")
    assert kind_of("SKIPPER", rules.labels) == "person"
    assert kind_of("port", rules.labels) == kind_of("per", rules.labels) == "place"
    assert kind_of("org", rules.labels) == "organisation"
    assert kind_of("person", rules.labels) == "other"  # the file says which are


def test_a_file_may_begin_with_a_mark_of_its_bytes_order(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, "\ufeff[similar]\r\nratio = 2\r\n")).similar_ratio == 2


def test_without_a_file_all_is_as_documented() -> None:
    assert read_rules(None) == Rules()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("share = ", "is no TOML"),
        ("[similars]", "has no 'similars', did you mean similar"),
        ("similar = 1", "'similar' is no table"),
        ("[similar]\nscor = 1", r"\[similar\] has no 'scor', did you mean score"),
        ("[similar]\nscore = 1.5", r"\[similar\] score is 1.5, expected 0 to 1"),
        ("[similar]\nratio = -1", r"\[similar\] ratio is -1, expected at least 0"),
        ("[similar]\nratio = nan", r"\[similar\] ratio is nan, expected at least 0"),
        ("[similar]\nletters = '8'", r"\[similar\] letters is '8', expected a number"),
        ("[document]\nshare = true", r"\[document\] share is True, expected a number"),
        ("[labels]\npeople = ['per']", r"\[labels\] has no 'people'"),
        ("[labels]\npersons = 'per'", r"\[labels\] persons is 'per', expected a list of words"),
        ("[labels]\npersons = ['x']\nplaces = ['X']", "has 'x' in persons and places"),
        ("without = ['norm']", "without names 'norm', expected gazetteer, normal_form"),
    ],
)
def test_what_no_rule_is_called_or_may_be_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_rules(written(tmp_path, text))

"""The steps that join names, in the order in which they do.

Each has what joins, and what says of two rows in different groups why it does not.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jobs.resolve.names import Names
from jobs.resolve.rules import STEPS, Rules
from jobs.resolve.steps import document, exact, initials, similar


class Step(NamedTuple):
    """join: join what this step finds to be one; why_not: a sentence on two rows."""

    join: Callable[[Names, Rules], None]
    why_not: Callable[[Names, Rules, int, int], str]


STEP_OF: Mapping[str, Step] = {
    "gazetteer": Step(exact.join_ids, exact.why_no_id),
    "normal_form": Step(exact.join_normal_forms, exact.why_no_normal_form),
    "initials": Step(initials.join_initials, initials.why_no_initials),
    "document": Step(document.join_in_documents, document.why_no_document),
    "similar": Step(similar.join_similar, similar.why_not_similar),
}


def join_all(names: Names, rules: Rules) -> None:
    """Take every step that the rules take."""
    for step in STEPS:
        if rules.takes(step):
            STEP_OF[step].join(names, rules)

"""What is generated stands between marks, and nothing else of a page changes."""

import pytest

from jobs.docs.markdown import filled

BEGIN, END = "<!-- ships -->", "<!-- /ships -->"


@pytest.mark.parametrize("between", ["", "\n\n| old |\n\n", "old"])
def test_what_stands_between_the_marks_is_replaced(between: str) -> None:
    page = filled(f"# Ships\n{BEGIN}{between}{END}\nThe end.\n", "ships", "| new |")
    assert page == f"# Ships\n{BEGIN}\n\n| new |\n\n{END}\nThe end.\n"
    assert filled(page, "ships", "| new |") == page


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        filled(page, "ships", "")

"""Markdown: tables, and what stands between the marks of a page."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with this head; cells are Markdown, in which a bar is escaped here."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def filled(page: str, name: str, content: str) -> str:
    """A page in, the same with the content between `<!-- name -->` and `<!-- /name -->` out.

    Raises ValueError where the page does not have each mark once.
    """
    marks = begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end or sum(map(page.count, marks)) != len(marks):
        raise ValueError(f"the page must have {begin} and then {end}, once each")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"

"""Text of others made harmless to show: on a terminal, in a plot, in Markdown."""

# They print nothing and move nothing, and words of many scripts are misspelt without them.
JOINERS = "\u200c\u200d"


def harmless(text: str) -> str:
    r"""Text with an escape sequence (`\x1b`, `\u202e`) for each character that does not print.

    So text of others cannot give orders to a terminal, reverse a line, or break one.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in JOINERS else c.encode("unicode_escape").decode() for c in text
    )


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters: of a longer one the beginning, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"

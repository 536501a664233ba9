"""Nothing that a terminal or a reader would obey is left of a text, and nothing else is changed."""

from hypothesis import given
from hypothesis import strategies as st

from model.text.escaping import JOINERS, harmless


def test_what_does_not_print_is_spelt_out() -> None:
    assert harmless("a\x1b[31mb\x07\u202ec\ud800\u200b") == r"a\x1b[31mb\x07\u202ec\ud800\u200b"
    assert harmless("Zoë 日本 🚢 e\u0301 می\u200cخواهم") == "Zoë 日本 🚢 e\u0301 می\u200cخواهم"


@given(st.text(max_size=30))
def test_the_rest_prints_and_stays(text: str) -> None:
    shown = harmless(text)
    assert all(c.isprintable() or c in JOINERS for c in shown)
    assert harmless(shown) == shown
    if text.isprintable():
        assert shown == text

"""Strangers' text cannot drive our terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.text import plain, plain_lines, point_line, short_id

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\u202e\u2066\u200b\x9b31m\x00\x7f\ue000\ud800"


def test_plain__hostile_text__keeps_only_what_can_be_read():
    shown = plain(HOSTILE + "ok")
    assert shown.replace("\ufffd", "") == "[2J]0;owned31mok"


@given(st.text())
def test_plain__any_text__one_short_line_without_controls(text):
    shown = plain(text, 50)
    assert len(shown) <= 50
    assert shown.isprintable() or all(char.isprintable() or char.isspace() for char in shown)
    assert not {"\n", "\r", "\x1b", "\x9b"} & set(shown)


@pytest.mark.parametrize(
    ("text", "shown"), [("a\r\nb\tc", "a\nb   c"), ("x" * 10, "x" * 10), ("\x1b[1mhi\n", "\ufffd[1mhi\n")]
)
def test_plain_lines__keeps_lines_and_columns(text, shown):
    assert plain_lines(text) == shown


def test_plain_lines__very_long__keeps_the_end():
    assert plain_lines("a" * 100 + "\nlast", limit=10) == "aaaaa\nlast"
    assert plain_lines("b" * 100, width=10) == "b" * 9 + "…"


def test_short_id__ids_and_short_texts():
    assert short_id(bytes(range(32))) == "0x0001…1e1f"
    assert short_id("0x" + "ab" * 20) == "0xabab…abab"
    assert short_id("0x1234") == "0x1234"


def test_point_line__counter_first_and_cleaned():
    point = {"accuracy": 0.98765, "epoch": 3, "loss": None, "note\x1b": "a\x07b"}
    assert point_line(point) == "epoch 3  accuracy 0.9877  loss None  note\ufffd a\ufffdb"

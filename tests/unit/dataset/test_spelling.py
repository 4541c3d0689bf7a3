"""Which names are spellings of one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.dataset.spelling import is_plain, spelling_key, told_apart

_NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("John_Smith", "john-smith "),
        ("John Smith", "JOHN.SMITH"),
        ("John  Smith", "\tJohn\N{NO-BREAK SPACE}Smith"),
        ("Jos\N{LATIN SMALL LETTER E WITH ACUTE}", "Jose\N{COMBINING ACUTE ACCENT}"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "STRASSE"),
        ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}Brien"),
        ("a-b", "a\N{EN DASH}b"),
        ("alice", "\ufeffalice"),
        ("0001", "0001\r"),
        ("12", "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}"),
    ],
)
def test_spellings_of_one(one: str, other: str) -> None:
    """Case, blanks, separators, normalization and what is invisible make no difference."""
    assert spelling_key(one) == spelling_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("0001", "001"), ("m.0_1", "m.0__1"), ("m.0x", "m.0x_"), ("John", "Johns"), ("jose", "josé")]
)
def test_others_are_apart(one: str, other: str) -> None:
    """Digits, how many separators there are, and accents do."""
    assert spelling_key(one) != spelling_key(other)


@given(_NAMES)
def test_what_unicode_calls_the_same_is(name: str) -> None:
    """Every normalization, and case, with blanks around it, in whichever way it is computed."""
    key = spelling_key(name)
    assert spelling_key(key.decode()) == key
    for normalized in (unicodedata.normalize("NFD", name), unicodedata.normalize("NFKC", name)):
        assert spelling_key(normalized) == key
    assert spelling_key(f" {name}\t") == key
    assert spelling_key(name.casefold()) == key


@given(st.text(st.characters(codec="ascii"), max_size=12))
def test_ascii_is_no_special_case(name: str) -> None:
    """The quick way for ASCII gives what the way for all of Unicode gives."""
    assert spelling_key(f"{name}\N{ZERO WIDTH SPACE}") == spelling_key(name)


def test_names_that_look_the_same_are_shown_apart() -> None:
    """Others as they are."""
    assert told_apart(["é", "e\u0301", "É"]) == [r"'\xe9'", r"'e\u0301'", "'É'"]


def test_a_plain_name() -> None:
    """What a map proposes to call an identity."""
    assert [is_plain(name) for name in ("José", "Jose\u0301", "a ", "a\u200bb")] == [True, False, False, False]

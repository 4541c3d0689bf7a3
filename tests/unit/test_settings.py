"""Settings: declared once, checked wherever their values come from."""

from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import pytest

from streammerge.dataset.job import Job, JobRules
from streammerge.dataset.source import SourceSettings
from streammerge.dataset.source_arguments import SourceArguments
from streammerge.errors import UsageError
from streammerge.settings import Section, check_settings, read_settings, setting, settings_of


@dataclass(frozen=True, slots=True)
class Painting:
    """Some settings, one of each type."""

    title: str
    colour: Literal["red", "green"] = setting("red", "Its colour.", section=Section.OUTPUT)
    layers: int = setting(1, "Its layers.", section=Section.OUTPUT, at_least=1)
    price: float | None = setting(None, "Its price.", section=Section.OUTPUT, above=0)
    is_framed: bool = setting(False, "Whether it has a frame.", section=Section.OUTPUT)
    tags: tuple[str, ...] = setting((), "Some words.", section=Section.OUTPUT, argument="words")

    def __post_init__(self) -> None:
        check_settings(self)


def test_a_setting_knows_its_field() -> None:
    """Its name, type and default are those of the field; a field that is not declared is none."""
    colour, layers, price, is_framed, tags = settings_of(Painting)
    assert (colour.name, colour.choices, colour.default, colour.help) == (
        "colour",
        ("red", "green"),
        "red",
        "Its colour.",
    )
    assert (layers.kind, layers.optional) == (int, False)
    assert (price.kind, price.optional) == (float, True)
    assert (is_framed.option, is_framed.key) == ("--is-framed", "is-framed")
    assert (tags.is_list, tags.argument) == (True, "words")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"colour": "gren"}, "--colour 'gren': it must be one of red, green. Did you mean 'green'?"),
        ({"colour": None}, "--colour None: it must be one of red, green"),
        ({"colour": ["red"]}, "it must be one of red, green"),
        ({"layers": 0}, "--layers 0: it must be at least 1"),
        ({"layers": "2"}, "--layers '2': it must be a whole number"),
        ({"layers": True}, "--layers True: it must be a whole number"),
        ({"layers": 1.0}, "it must be a whole number"),
        ({"price": 0}, "--price 0: it must be more than 0"),
        ({"price": float("inf")}, "--price inf: it must be a finite number"),
        ({"price": float("nan")}, "--price nan: it must be a finite number"),
        ({"price": "9"}, "it must be a number"),
        ({"is_framed": 1}, "it must be true or false"),
        ({"tags": "old"}, "--tags 'old': it must be a list of texts, such as ['old']"),
        ({"tags": (1,)}, "it must be a list of texts"),
    ],
)
def test_values_are_checked(values: dict[str, Any], problem: str) -> None:
    """What is not a value of a setting is refused by its name, with what would be one."""
    with pytest.raises(UsageError) as raised:
        Painting("Sunset", **values)
    assert problem in str(raised.value)


def test_whatever_fits_is_taken() -> None:
    """Whole numbers are numbers, and None is a value where the type says so."""
    painted = Painting("Sunset", colour="green", layers=3, price=5, is_framed=True, tags=("old", "small"))
    assert (painted.price, Painting("Sunset").price) == (5, None)


def test_a_table_of_a_file_is_read() -> None:
    """By keys with dashes; lists become tuples."""
    assert read_settings(Painting, {"is-framed": True, "tags": ["a"]}, "it") == {"is_framed": True, "tags": ("a",)}
    with pytest.raises(UsageError, match=r"it: unknown key 'lairs'\. Did you mean 'layers'\?"):
        read_settings(Painting, {"lairs": 1}, "it")
    with pytest.raises(UsageError, match="it: layers = 0: it must be at least 1"):
        read_settings(Painting, {"layers": 0}, "it")


def test_arguments_are_typed_as_the_settings() -> None:
    """What type checkers know of `make_job` is what the dataclasses declare."""
    hints = get_type_hints(Job)
    assert get_type_hints(JobRules) == {rule.name: hints[rule.name] for rule in settings_of(Job)}
    assert set(get_type_hints(SourceArguments)) == {setting.argument for setting in settings_of(SourceSettings)}

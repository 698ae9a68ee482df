"""Texts for people that can be said in another language than the one in which they are written."""

from typing import Any


class Phrase(str):
    """A text in English that remembers how it was made: ``Phrase("serves only %(area)s", area=name)``.

    It is an ordinary text wherever it is taken as one; pages ask for ``text`` and ``values`` to say it in the language of the reader. Among
    the values, a whole number has its thousands apart, and a `Phrase` is said in that language as well.
    """

    __slots__ = ("text", "values")
    text: str
    values: dict[str, Any]

    def __new__(cls, text: str, /, **values: Any) -> "Phrase":
        """``text`` with places as ``%(name)s``; if there are none, it is taken as it stands."""
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        new = super().__new__(cls, text % shown if values else text)
        new.text, new.values = text, values
        return new

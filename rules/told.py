"""Texts for people that can be said in another language than the one in which they are written."""

from collections.abc import Iterable
from typing import Any, Self


class Told(str):
    """A text in English that remembers how it was made: ``Told("serves only %(area)s", area=name)``.

    It is an ordinary text wherever it is taken as one, as programs and logs do; pages ask for ``template`` and ``values`` to say it in the
    language of the reader. Among the values, a whole number has its thousands apart, and a `Told` is translated as well.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Self:
        """``template`` with ``%(name)s`` filled from ``values``; if there are none, it is taken as it stands."""
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        made = super().__new__(cls, template % shown if values else template)
        made.template, made.values = template, values
        return made


def joined(between: str, texts: Iterable[str]) -> Told:
    """All of them as one, each of which is translated as it would be alone."""
    values = {f"part{number}": text for number, text in enumerate(texts)}
    return Told(between.replace("%", "%%").join(f"%({name})s" for name in values), **values)

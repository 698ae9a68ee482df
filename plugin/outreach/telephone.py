"""Telephone numbers, which are written in many ways."""

import re
from typing import Final

LENGTH: Final = 9
"""So many digits at the end are the same whether a number is written with the code of its country, or a zero, or without."""
_CALLED: Final = re.compile(r"[0-9][^A-Za-z,;#]*", re.ASCII)
"""Up to an extension."""


def comparable(phone: str) -> str | None:
    """What is the same of two ways to write one number, whatever signs stand between its digits; ``None``: nothing that can be called."""
    found = _CALLED.search(phone)
    return re.sub(r"[^0-9]", "", found[0])[-LENGTH:] if found else None

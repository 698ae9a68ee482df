"""Each Task and each order by itself: what is wrong with one of them, or refused of it, keeps no other waiting."""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import String, Table
from sqlalchemy.exc import SQLAlchemyError

from fhir_adapters.errors import AccessRefused, EhrUnavailable, IncompleteSearch, NotWritable
from fhir_adapters.writeback.desk import at_fault

LOG: Final = logging.getLogger(__name__)
FAILED: Final = "failed"
"""What came of one that could not be taken in; it is tried again the next time."""
REFUSED: Final = "refused by the server"
"""What came of one that the server does not show, or about which it does not answer; it is asked for again the next time."""
_UNREADABLE: Final = (SQLAlchemyError, ValueError, TypeError, AttributeError, LookupError, NotWritable)
"""What a resource can lead to that is not as it should be."""

_Found = TypeVar("_Found")


def apart(tenant: str, step: Callable[[], _Found]) -> _Found | str:
    """What came of a step with one resource of a server; `FAILED` or `REFUSED` if it went wrong: of the error only its type is logged.

    Raises `EhrUnavailable` if the server fails, or refuses everything: then the others need not be tried.
    """
    try:
        return step()
    except _UNREADABLE as error:
        LOG.error("task_not_taken_in tenant=%s error=%s", tenant, type(error).__name__)
        return FAILED
    except EhrUnavailable as error:
        if isinstance(error, AccessRefused) or (at_fault(error) and not isinstance(error, IncompleteSearch)):
            raise
        LOG.error("task_not_taken_in tenant=%s error=%s status=%s", tenant, type(error).__name__, error.status)
        return REFUSED


def fitting(table: Table, row: dict[str, object]) -> dict[str, object]:
    """``row`` as it is. Raises ``ValueError`` for what not every database takes as a text: none, longer than its column, or with a NUL."""
    for name, value in row.items():
        kind = table.c[name].type
        if isinstance(kind, String) and value is not None and not _fits(value, kind.length):
            raise ValueError(f"{name} does not fit")
    return row


def _fits(value: object, most: int | None) -> bool:
    return isinstance(value, str) and "\0" not in value and (most is None or len(value) <= most)

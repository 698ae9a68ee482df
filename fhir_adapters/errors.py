"""What stops a read altogether. What is wrong inside one resource never raises: it goes to the `Quarantine`.

::

    AdapterError               no message carries a name, a value or a query: resource type, place and reason only
    ├── SourceUnreadable       a file or folder cannot be read
    ├── PullConflict           a pull cannot be made as asked: another one was begun, or the folder holds something else
    ├── WrongPatient           data of another person came with this person's
    ├── KeyUnusable            a private key of ours cannot be used
    ├── NotWritable            what we were about to write is not what we may write
    └── EhrUnavailable         the server refused, failed or answered something unusable
        ├── AccessRefused      no token, or one that allows less than was asked for
        ├── IncompleteSearch   a search ended without showing everything it said it had found
        ├── ExpansionRefused   a terminology server did not spell out a value set, or not one that can be used
        ├── OutcomeUnknown     a request that changes something was sent; nobody can say whether it was done
        └── UnsafeRedirect     the server pointed to another host
"""

from typing import Any


class AdapterError(Exception):
    """A source could not be read."""


class SourceUnreadable(AdapterError):
    """A file or folder cannot be read; the message names it and says why."""


class PullConflict(AdapterError):
    """A pull cannot be made as asked; the message says why, and what to do. Nothing was changed."""


class WrongPatient(AdapterError):
    """Resources of another person were handed over as this person's. Nothing of the whole may be used."""


class KeyUnusable(AdapterError):
    """A private key of ours is not there, not safe or not fit; the message names the file, never what it holds."""


class NotWritable(AdapterError):
    """Something of ours must not be written as it is: the message says which element, and why, without its value."""


class EhrUnavailable(AdapterError):
    """The server refused, failed, or did not answer in time. ``status`` is its HTTP status, if it gave one.

    ``outcome`` is the OperationOutcome (of a token endpoint: the OAuth error) that came along. It may speak of patients: the message
    never repeats it. ``again``: the same request may be accepted later, after ``wait`` seconds if the server said so.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        outcome: dict[str, Any] | None = None,
        *,
        again: bool = False,
        wait: float | None = None,
    ) -> None:
        self.status, self.outcome, self.again, self.wait = status, outcome, again, wait
        super().__init__(message)


class AccessRefused(EhrUnavailable):
    """The server gives no token, or one that allows less than was asked for. ``missing`` names the scopes that are not granted."""

    def __init__(self, message: str, status: int | None = None, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message, status)
        self.missing = missing


class IncompleteSearch(EhrUnavailable):
    """A search cannot be trusted to have shown everything; an empty answer from it would not mean *none*."""


class ExpansionRefused(EhrUnavailable):
    """A value set was not spelled out, or incompletely, or in another version; the message says why, and what to do."""


class OutcomeUnknown(EhrUnavailable):
    """A request was sent that changes something, and no answer came. Look before sending it again."""


class UnsafeRedirect(EhrUnavailable):
    """A redirect or a ``next`` link leads to another host or scheme; it was not followed."""

"""What an export brought: the files that a server lists, on one page or on several."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

from fhir_adapters.bulk.versions import LISTS, Kind
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json

MOST_PAGES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One file, as the manifest lists it."""

    kind: Kind
    type: str
    """Empty if the file holds several types."""
    url: str
    count: int | None
    """How many resources it should hold, if the server says so."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All pages together, each file once."""

    transaction_time: str
    requires_token: bool
    files: tuple[Listed, ...]
    pages: int
    complete: bool
    """Not if the server says that more is to come."""


class Page(NamedTuple):
    """One page of a manifest."""

    transaction_time: str
    requires_token: bool
    files: tuple[Listed, ...]
    next: str
    """Where the next page is; empty: nowhere."""


def read_page(body: Json, url: str) -> Page:
    """The page found at ``url``. Raises `EhrUnavailable` if it is none.

    Where it does not say whether the files need a token, it goes along: it is only ever sent to the server itself.
    """
    time = body.get("transactionTime")
    if not isinstance(time, str) or not time:
        raise EhrUnavailable("the server's manifest has no transactionTime")
    return Page(time, body.get("requiresAccessToken") is not False, tuple(_files(body, url)), _next(body, url))


def joined(pages: list[Page], *, complete: bool) -> Manifest:
    """The whole. A file that is listed twice counts once."""
    files: dict[str, Listed] = {}
    for page in pages:
        for file in page.files:
            files.setdefault(file.url, file)
    return Manifest(pages[0].transaction_time, pages[0].requires_token, tuple(files.values()), len(pages), complete)


def _files(body: Json, url: str) -> Iterator[Listed]:
    for name, kind in LISTS.items():
        items = body.get(name) or []
        if not isinstance(items, list):
            raise EhrUnavailable(f"the server's manifest is damaged: '{name}' is not a list")
        for item in items:
            address = item.get("url") if isinstance(item, dict) else None
            if not isinstance(address, str) or not address:
                raise EhrUnavailable(f"the server's manifest is damaged: a file of '{name}' has no url")
            type = item.get("type")
            yield Listed(kind, type if isinstance(type, str) and type.isalpha() else "", urljoin(url, address), _count(item.get("count")))


def _count(value: Any) -> int | None:
    """Some servers write the number as text."""
    try:
        return None if value is None or isinstance(value, bool) else max(int(value), 0)
    except (TypeError, ValueError):
        return None


def _next(body: Json, url: str) -> str:
    links = body.get("link")
    for link in links if isinstance(links, list) else []:
        address = link.get("url") if isinstance(link, dict) and link.get("relation") == "next" else None
        if isinstance(address, str):
            return urljoin(url, address)
    return ""

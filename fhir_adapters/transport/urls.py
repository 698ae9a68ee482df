"""Addresses: where one leads to, and how a link that a server gives is brought back to that server."""

from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from fhir_adapters.errors import UnsafeRedirect

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what must not change on the way. Empty if it is no address."""
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)
    except ValueError:
        return "", "", None


def joined(page: str, link: str) -> str:
    """Where ``link`` on ``page`` leads. Raises `UnsafeRedirect` if that is no address."""
    try:
        return urljoin(page, link)
    except ValueError:
        raise UnsafeRedirect("a link of the server is no address; it was not followed") from None


def resolved(base: str, link: str, page: str = "") -> str:
    """The full URL of ``link`` as found on ``page``. Raises `UnsafeRedirect` if it leads away from the server at ``base``."""
    url = joined(page or base, link)
    if origin(url) != origin(base):
        raise UnsafeRedirect("a link of the server leads to another host, port or scheme; it was not followed")
    return url


def rebased(base: str, link: str, page: str = "") -> str:
    """As `resolved`, but a link that names the server as it is known behind its proxy is brought back to ``base``.

    Only the host, the port and the scheme may differ: the path must be that of ``base`` or lie below it.
    """
    url = joined(page or base, link)
    if origin(url) == origin(base):
        return url
    parts, home = urlsplit(url), urlsplit(base)
    root = home.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not (parts.path.rstrip("/") == root or parts.path.startswith(f"{root}/")):
        return resolved(base, link, page)
    return urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))

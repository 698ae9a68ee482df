"""Asking one FHIR server, politely and within bounds.

Time, size, attempts and hosts are bounded; no error text holds a query, an id or a body.
"""

import logging
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from fhir_adapters.deadline import DeadlineAdapter, deadline
from fhir_adapters.errors import EhrUnavailable, UnsafeRedirect
from fhir_adapters.quarantine import Json

_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_CHUNK: Final = 1 << 16
_LONGEST_OUTCOME: Final = 1 << 20
_FIRST_WAIT: Final = 0.5
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_JITTER: Final = random.SystemRandom()

# It logs whole URLs, and a search names its patient there.
logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call, in seconds and bytes."""

    connect: float = 5.0
    attempt: float = 60.0
    """One attempt from the first byte sent to the last byte read."""
    call: float = 300.0
    """All attempts of a call with the waits between them."""
    attempts: int = 5
    longest_wait: float = 60.0
    """Whatever Retry-After asks for."""
    body: int = 64 << 20
    """After decompression."""


class _Transient(Exception):
    """Worth another attempt. ``wait`` is what the server asked for."""

    def __init__(self, reason: str, wait: float | None = None, status: int | None = None) -> None:
        self.wait, self.status = wait, status
        super().__init__(reason)


class _Bearer(AuthBase):
    """Sets the token here and not as a session header, which a ``.netrc`` of the user would replace."""

    def __init__(self, token: Callable[[], str] | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class FhirServer:
    """A FHIR REST server at ``base_url``.

    ``token`` gives a bearer token for each request; it is sent nowhere else. ``ca_file`` holds the certificates to trust instead of
    the public ones. Settings of the environment (proxies, ``.netrc``) do not count.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Callable[[], str] | None = None,
        limits: Limits = Limits(),
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/") + "/"
        self._origin = origin(self.base_url)
        if self._origin[0] not in ("http", "https") or not self._origin[1]:
            raise EhrUnavailable("the address of the server must begin with https:// (or http://)")
        if token is not None and self._origin[0] != "https" and self._origin[1] not in _LOOPBACK:
            raise EhrUnavailable("a token is sent over https only")
        self._limits, self._sleep = limits, sleep
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = _Bearer(token)
        self._session.verify = True if ca_file is None else str(ca_file)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter())
        self._session.headers.update({"Accept": "application/fhir+json", "Accept-Encoding": "gzip", "User-Agent": f"almoner/{_version()}"})

    def resolve(self, link: str, page: str = "") -> str:
        """The full URL of ``link`` as found on ``page``; refused if it leads to another host, port or scheme."""
        url = urljoin(page or self.base_url, link)
        if origin(url) != self._origin:
            raise UnsafeRedirect("a link of the server leads to another host, port or scheme; it was not followed")
        return url

    def get(self, link: str, *, strict: bool = False) -> Json:
        """The JSON object at ``link``; ``strict`` asks the server to refuse parameters that it does not know.

        Raises `EhrUnavailable` (with the status) once attempts or time are used up, or at once if trying again is no use.
        """
        return self._call(self.resolve(link), {"Prefer": "handling=strict"} if strict else {})

    def post(self, link: str, body: Json) -> Json:
        """The JSON object that the server answers to ``body``. Only for operations that change nothing: it is tried again like a GET.

        No redirect is followed. Raises `EhrUnavailable` as `get` does.
        """
        return self._call(self.resolve(link), {"Content-Type": "application/fhir+json"}, orjson.dumps(body))

    def _call(self, url: str, headers: dict[str, str], body: bytes | None = None) -> Json:
        until = time.monotonic() + self._limits.call
        for attempt in range(1, self._limits.attempts + 1):
            try:
                return self._attempt(url, headers, body, until)
            except _Transient as problem:
                wait = self._wait(problem, attempt)
                if attempt == self._limits.attempts or time.monotonic() + wait >= until:
                    raise EhrUnavailable(f"{problem} (attempt {attempt})", problem.status) from None
            self._sleep(wait)
        raise EhrUnavailable("no attempt was allowed")

    def _wait(self, problem: _Transient, attempt: int) -> float:
        if problem.wait is not None:
            return min(max(problem.wait, 0.0), self._limits.longest_wait)
        return _JITTER.uniform(0, min(self._limits.longest_wait, _FIRST_WAIT * 2**attempt))

    def _attempt(self, url: str, headers: dict[str, str], body: bytes | None, until: float) -> Json:
        allowed = min(self._limits.attempt, max(until - time.monotonic(), 0.001))
        try:
            with deadline(allowed):
                return self._exchange(url, headers, body, allowed)
        except (requests.RequestException, HTTPError, TimeoutError) as error:
            # The texts of these exceptions hold whole URLs, and those hold patients' ids.
            raise _Transient(f"no complete answer ({type(error).__name__})") from None

    def _exchange(self, url: str, headers: dict[str, str], body: bytes | None, allowed: float) -> Json:
        method = "GET" if body is None else "POST"
        for _ in range(_MOST_REDIRECTS + 1):
            timeout = (min(self._limits.connect, allowed), allowed)
            with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, stream=True, allow_redirects=False
            ) as response:
                if response.status_code not in _REDIRECTS:
                    return self._understood(response)
                if body is not None:
                    raise UnsafeRedirect("the server redirects what was posted; it was not followed")
                url = self.resolve(response.headers.get("Location", ""), url)
        raise UnsafeRedirect("too many redirects")

    def _understood(self, response: requests.Response) -> Json:
        status = response.status_code
        if status in _TRANSIENT:
            raise _Transient(f"HTTP {status}", retry_after(response.headers.get("Retry-After")), status)
        if status != 200:
            raise EhrUnavailable(f"HTTP {status}", status, _outcome(response))
        try:
            body: Any = orjson.loads(_bounded_body(response, self._limits.body))
        except orjson.JSONDecodeError:
            raise _Transient("the answer is not JSON, or was cut", status=status) from None
        if not isinstance(body, dict):
            raise EhrUnavailable("the answer is not a resource", status)
        return body


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what must not change on the way."""
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)
    except ValueError:
        return "", "", None


def retry_after(value: str | None) -> float | None:
    """Seconds to wait, from the number or the date of a Retry-After header; ``None`` if absent or unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def _bounded_body(response: requests.Response, limit: int) -> bytes:
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise EhrUnavailable("the answer is compressed in a way that was not asked for", response.status_code)
    unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    body = bytearray()
    try:
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            body += unpack.decompress(chunk, limit + 1 - len(body)) if unpack else chunk
            if len(body) > limit:
                raise EhrUnavailable(f"the answer is larger than {limit:,} bytes", response.status_code)
    except zlib.error:
        raise _Transient("the compression of the answer is damaged") from None
    if unpack and not unpack.eof:
        raise _Transient("the answer was cut")
    return bytes(body)


def _outcome(response: requests.Response) -> Json | None:
    """The OperationOutcome that came with an error, if one did."""
    try:
        body: Any = orjson.loads(_bounded_body(response, _LONGEST_OUTCOME))
    except (orjson.JSONDecodeError, EhrUnavailable, _Transient):
        return None
    return body if isinstance(body, dict) and body.get("resourceType") == "OperationOutcome" else None


def _version() -> str:
    try:
        return version("almoner")
    except PackageNotFoundError:
        return "unknown"

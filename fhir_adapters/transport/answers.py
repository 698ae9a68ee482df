"""What came back: read within bounds, and understood or refused."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import requests

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.transport.limits import retry_after

TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK: Final = 1 << 16
_FILE_CHUNK: Final = 1 << 18
"""Of a file, read at a time: with smaller ones a good part of the time goes into handing them on."""
_LONGEST_OUTCOME: Final = 1 << 20


class Transient(Exception):
    """Worth another attempt. ``wait`` is what the server asked for; not ``sent``: the server never heard of it."""

    def __init__(self, reason: str, wait: float | None = None, status: int | None = None, *, sent: bool = True) -> None:
        self.wait, self.status, self.sent = wait, status, sent
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to a request that it accepted (2xx or 304)."""

    status: int
    headers: Mapping[str, str]
    """Their names in any case."""
    body: Json | None
    """The resource; ``None`` if there was no body."""
    content: bytes = b""
    """The body as it was written: `body` no longer tells 1.00 from 1.0."""

    @property
    def etag(self) -> str | None:
        """The version, as ``If-Match`` wants it: ``W/"3"``."""
        return self.headers.get("ETag")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was passed on as it came, without unpacking."""

    status: int
    """200, or 206 if only what was missing was sent."""
    headers: Mapping[str, str]
    bytes: int
    """Passed on in this request."""


def understood(response: requests.Response, limit: int) -> Answer:
    """The answer with its body. Raises `Transient` if it may be another one next time, `EhrUnavailable` if not."""
    refuse(response)
    status = response.status_code
    content = b"".join(_bounded(response, limit))
    if not content.strip():
        return Answer(status, response.headers, None)
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Transient("the answer is not JSON, or was cut", status=status) from None
    if not isinstance(body, dict):
        raise EhrUnavailable("the answer is not a resource", status)
    return Answer(status, response.headers, body, content)


def passed_on(response: requests.Response) -> Iterator[bytes]:
    """The body as it came, compression and all. Raises `Transient` if it is shorter than announced."""
    announced, seen = response.headers.get("Content-Length", ""), 0
    for chunk in response.raw.stream(_FILE_CHUNK, decode_content=False):
        seen += len(chunk)
        yield chunk
    if announced.isdecimal() and seen < int(announced):
        raise Transient("the answer was cut")


def refuse(response: requests.Response) -> None:
    """Raises `Transient` or `EhrUnavailable` unless the status says that the request was accepted."""
    status = response.status_code
    if status in TRANSIENT:
        raise Transient(f"HTTP {status}", retry_after(response.headers.get("Retry-After")), status)
    if not (200 <= status < 300 or status == 304):
        raise EhrUnavailable(f"HTTP {status}", status, _outcome(response))


def _bounded(response: requests.Response, limit: int) -> Iterator[bytes]:
    """The body, unpacked, in pieces; not more than ``limit`` bytes of it."""
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise EhrUnavailable("the answer is compressed in a way that was not asked for", response.status_code)
    unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    left = limit
    try:
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            piece = unpack.decompress(chunk, left + 1) if unpack else chunk
            left -= len(piece)
            if left < 0:
                raise EhrUnavailable(f"the answer is larger than {limit:,} bytes", response.status_code)
            yield piece
    except zlib.error:
        raise Transient("the compression of the answer is damaged") from None
    if unpack and not unpack.eof and (unpack.unconsumed_tail or left < limit):
        raise Transient("the answer was cut")


def _outcome(response: requests.Response) -> Json | None:
    """The OperationOutcome that came with an error, or the OAuth error of a token endpoint, if one did."""
    try:
        body: Any = orjson.loads(b"".join(_bounded(response, _LONGEST_OUTCOME)))
    except (orjson.JSONDecodeError, EhrUnavailable, Transient):
        return None
    told = isinstance(body, dict) and (body.get("resourceType") == "OperationOutcome" or isinstance(body.get("error"), str))
    return body if told else None

"""Where the keys of a client come from: a file that was handed over, or an address at which the client publishes them.

What is fetched is kept. Once it is `FRESH` seconds old it is fetched again beside the calls, and after `LATE` seconds no call is answered
before that was tried: a key that was withdrawn in a quiet hour must not be good once more. A token that names a key which is not there
makes us look again, but not more often than every `PAUSE` seconds. While the address does not answer, the old keys serve on for `STALE`
seconds.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, Protocol

import orjson

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import FhirServer, Limits
from plugin.cds.trust.keys import KeySetRefused, VerifyingKey, key_set

LOG = logging.getLogger(__name__)

FRESH: Final = 600.0
LATE: Final = 1200.0
STALE: Final = 24 * 3600.0
PAUSE: Final = 60.0
AFTER_FAILURE: Final = 10.0
"""Seconds until an address that did not answer is asked again."""
LIMITS: Final = Limits(connect=1.0, attempt=2.0, call=2.0, attempts=1, body=256 << 10, redirects=0)
"""A clinician may be waiting, and a key set is small."""

Keys = Mapping[str, VerifyingKey]


class KeysUnavailable(Exception):
    """There are no keys of the client that may be used now. The message is for the log."""


class KeySource(Protocol):
    """The keys of one client, for any number of threads."""

    def key(self, kid: str) -> VerifyingKey | None:
        """The key of that name; ``None`` if the client has none. Raises `KeysUnavailable`."""
        ...


class KeyFile:
    """Keys in a file. It is read again when it changes; while a new one cannot be used, the old keys stay."""

    def __init__(self, path: Path, client: str) -> None:
        """``client`` is its name, for the log. Raises `KeysUnavailable` if the file cannot be used."""
        self._path, self._client = path, client
        self._seen, self._keys = self._stamp(), self._read()

    def key(self, kid: str) -> VerifyingKey | None:
        """As `KeySource.key`."""
        try:
            if (stamp := self._stamp()) != self._seen:
                self._keys, self._seen = self._read(), stamp
        except KeysUnavailable as problem:
            LOG.error("key_set_unusable client=%s problem=%s", self._client, problem)
        return self._keys.get(kid)

    def _stamp(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise KeysUnavailable(f"the file cannot be read ({type(error).__name__})") from None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> Keys:
        try:
            return key_set(orjson.loads(self._path.read_bytes()))
        except OSError as error:
            raise KeysUnavailable(f"the file cannot be read ({type(error).__name__})") from None
        except orjson.JSONDecodeError:
            raise KeysUnavailable("the file is not JSON") from None
        except KeySetRefused as refused:
            raise KeysUnavailable(str(refused)) from None


def fetched(url: str, ca_file: Path | None = None) -> Any:
    """The JSON object at ``url``, in one attempt, within `LIMITS`, without following redirects. Raises `EhrUnavailable`."""
    try:
        return FhirServer(url, ca_file=ca_file, limits=LIMITS, headers={"Accept": "application/json"}).get(url)
    except OSError as error:
        raise EhrUnavailable(f"the certificates to trust cannot be read ({type(error).__name__})") from None


def in_background(work: Callable[[], None]) -> None:
    """Do it beside the request."""
    Thread(target=work, daemon=True).start()


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    at: float


class PublishedKeys:
    """Keys that the client publishes; at most one request for them is under way."""

    def __init__(
        self,
        fetch: Callable[[], Any],
        client: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        """``fetch`` gives the document, or raises `EhrUnavailable`; ``client`` is its name; ``start`` does work that nobody waits for."""
        self._fetch, self._client, self._clock, self._start = fetch, client, clock, start
        self._held: _Held | None = None
        self._not_before, self._failing = clock(), False
        self._fetching = Lock()

    def key(self, kid: str) -> VerifyingKey | None:
        """As `KeySource.key`. Calls wait for the network only if nothing recent is here, or if they name a key that is not."""
        held = self._usable()
        if held is not None and self._clock() - held.at > FRESH and self._may_ask():
            held = self._freshened(held)
        if held is None or kid not in held.keys:
            self._renew()
            held = self._usable()
        if held is None:
            raise KeysUnavailable("they could not be fetched")
        return held.keys.get(kid)

    def _freshened(self, held: _Held) -> _Held | None:
        if self._clock() - held.at > LATE and not self._failing:
            self._renew()
            return self._usable()
        if not self._fetching.locked():
            self._start(self._renew)
        return held

    def _usable(self) -> _Held | None:
        held = self._held
        return None if held is None or self._clock() - held.at > STALE else held

    def _may_ask(self) -> bool:
        return self._clock() >= self._not_before

    def _renew(self) -> None:
        """Fetch, unless that was done a moment ago: who waited here for another one's request finds what it brought."""
        with self._fetching:
            if not self._may_ask():
                return
            try:
                keys = key_set(self._fetch())
            except (EhrUnavailable, KeySetRefused) as problem:
                self._not_before, self._failing = self._clock() + AFTER_FAILURE, True
                LOG.error("key_set_unusable client=%s problem=%s", self._client, problem)
            else:
                self._held, self._not_before, self._failing = _Held(keys, self._clock()), self._clock() + PAUSE, False

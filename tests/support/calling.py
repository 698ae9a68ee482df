"""Many CDS clients at one time, each as a good client is: it calls again where an answer was lost or it was told to come back."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

from support.cds_calls import SERVICE_ID

Json = dict[str, Any]


@dataclass(frozen=True)
class Got:
    """An answer, and what it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


def send(url: str, call: Json, path: str = f"/cds-services/{SERVICE_ID}") -> Got:
    """One call on a connection of its own. Raises `OSError` or `HTTPException` if the answer is lost."""
    return _exchange(url, "POST", path, json.dumps(call).encode())


def look(url: str, path: str) -> Got:
    """A GET."""
    return _exchange(url, "GET", path, None)


def _exchange(url: str, method: str, path: str, body: bytes | None) -> Got:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    begun = time.monotonic()
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Got(response.status, {name.lower(): v for name, v in response.getheaders()}, response.read(), time.monotonic() - begun)
    finally:
        connection.close()


def at_once(number: int, work: Callable[[int], Got]) -> list[Got]:
    """So many pieces of work at one time."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, range(number)))


@dataclass
class Clients:
    """Clients that call without a pause until they are stopped."""

    url: str
    call: Callable[[int], Json]
    """The call with a number; it is the same when it is sent again."""
    answers: dict[int, Got] = field(default_factory=dict)
    """The good answer to each call."""
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    """How many answers were lost, and asked for again."""
    _next: int = 0
    _busy: int = 0
    _lock: Lock = field(default_factory=Lock)
    _stop: Event = field(default_factory=Event)

    @contextmanager
    def calling(self, number: int) -> Iterator["Clients"]:
        """So many clients; in the end each gets the answer that it waits for."""
        with ThreadPoolExecutor(number) as pool:
            running = [pool.submit(self._run) for _ in range(number)]
            try:
                yield self
            finally:
                self._stop.set()
            for each in running:
                each.result()

    def wait_for(self, more: int, seconds: float = 60.0) -> None:
        """Until so many further calls are answered."""
        wanted, end = len(self.answers) + more, time.monotonic() + seconds
        while len(self.answers) < wanted:
            assert time.monotonic() < end, f"no answers any more: {self.statuses}, {self.lost} lost"
            time.sleep(0.02)

    def stop(self) -> None:
        """No new calls; returns when every client has its answer."""
        self._stop.set()
        while self._busy:
            time.sleep(0.02)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number, self._next, self._busy = self._next, self._next + 1, self._busy + 1
            try:
                self._answered(number)
            finally:
                with self._lock:
                    self._busy -= 1

    def _answered(self, number: int) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                got = send(self.url, self.call(number))
            except (OSError, HTTPException):
                with self._lock:
                    self.lost += 1
                time.sleep(0.1)
                continue
            with self._lock:
                self.statuses[got.status] += 1
                if got.status == 200:
                    self.answers[number] = got
            if got.status == 200:
                return
            time.sleep(float(got.headers.get("retry-after", 0)))
        raise AssertionError(f"call {number} was never answered")

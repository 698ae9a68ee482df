"""One FHIR server. No error text holds a query, an id or a body."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import local
from typing import Any, Final, TypeVar

import orjson
import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from fhir_adapters.errors import EhrUnavailable, OutcomeUnknown, UnsafeRedirect
from fhir_adapters.quarantine import Json
from fhir_adapters.transport.answers import Answer, Fetched, Transient, passed_on, refuse, understood
from fhir_adapters.transport.authority import Authority, Bearer
from fhir_adapters.transport.deadline import DeadlineAdapter, deadline, left
from fhir_adapters.transport.limits import Limits
from fhir_adapters.transport.pace import Breaker, Pace
from fhir_adapters.transport.urls import LOOPBACK, joined, origin, rebased, resolved

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NOTHING_DONE: Final = frozenset({425, 429})
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_FHIR_JSON: Final = "application/fhir+json"
LIMITS: Final = Limits()
T = TypeVar("T")

# It logs whole URLs, and a search names its patient there.
logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)


class FhirServer:
    """A FHIR REST server at ``base_url``, for any number of threads.

    ``authority`` gives a bearer token for each request; it is sent nowhere else. ``ca_file`` holds the certificates to trust instead
    of the public ones, ``certificate`` our own with its key (mutual TLS). Settings of the environment (proxies, ``.netrc``) do not
    count. ``attempts`` counts what was sent and what came of it, by status or reason.
    """

    def __init__(
        self,
        base_url: str,
        *,
        authority: Authority | None = None,
        limits: Limits = LIMITS,
        pace: Pace | None = None,
        breaker: Breaker | None = None,
        ca_file: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/") + "/"
        self._origin = origin(self.base_url)
        if self._origin[0] not in ("http", "https") or not self._origin[1]:
            raise EhrUnavailable("the address of the server must begin with https:// (or http://)")
        if authority is not None and self._origin[0] != "https" and self._origin[1] not in LOOPBACK:
            raise EhrUnavailable("a token is sent over https only")
        self.attempts: Counter[str] = Counter()
        self._authority, self._limits, self._sleep = authority, limits, sleep
        self._pace, self._breaker = pace or Pace(), breaker or Breaker()
        self._verify = True if ca_file is None else str(ca_file)
        self._certificate = None if certificate is None else (str(certificate[0]), str(certificate[1]))
        self._headers = {"Accept": _FHIR_JSON, "Accept-Encoding": "gzip", "User-Agent": f"almoner/{_version()}", **(headers or {})}
        self._threads = local()

    def resolve(self, link: str, page: str = "", *, rebase: bool = False) -> str:
        """The full URL of ``link`` as found on ``page``; refused if it leads to another host, port or scheme.

        With ``rebase`` a link that names the server as it is known behind its proxy is brought back: see `urls.rebased`.
        """
        return (rebased if rebase else resolved)(self.base_url, link, page)

    def get(self, link: str, *, strict: bool = False) -> Json:
        """The JSON object at ``link``; ``strict`` asks the server to refuse parameters that it does not know.

        Raises `EhrUnavailable` (with the status) once attempts or time are used up, or at once if trying again is no use.
        """
        return _resource(self.ask("GET", link, headers={"Prefer": "handling=strict"} if strict else {}))

    def post(self, link: str, body: Json) -> Json:
        """The JSON object that the server answers to ``body``. Only for operations that change nothing: it is tried again like a GET.

        No redirect is followed. Raises `EhrUnavailable` as `get` does.
        """
        return _resource(self.ask("POST", link, body, repeatable=True))

    def ask(
        self,
        method: str,
        link: str,
        body: Json | bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """What the server answers to a request; ``body`` is a resource, or bytes whose Content-Type the ``headers`` name.

        A request that is not ``repeatable`` (POST and PATCH are not, unless the caller says so) is sent again only if the server said
        that it did nothing (425, 429) or never got it. Raises `OutcomeUnknown` where nobody can say whether it was done,
        `EhrUnavailable` (with status and OperationOutcome) if it was refused or time is up.
        """
        sent = self._headers | dict(headers or {})
        if isinstance(body, dict):
            sent.setdefault("Content-Type", _FHIR_JSON)
        content = orjson.dumps(body) if isinstance(body, dict) else body
        url, again = self.resolve(link), method in _REPEATABLE if repeatable is None else repeatable

        def once(token: str | None, allowed: float) -> Answer:
            return self._exchange(_Request(method, url, sent, content, token), allowed)

        until = time.monotonic() + self._limits.call
        for number in range(1, self._limits.attempts + 1):
            try:
                return self._attempt(once, min(self._limits.attempt, max(until - time.monotonic(), 0.001)))
            except Transient as problem:
                wait = self._limits.wait(problem.wait, number)
                undone = again or not problem.sent or problem.status in _NOTHING_DONE
                if not undone or number == self._limits.attempts or time.monotonic() + wait >= until:
                    self._breaker.failed()
                    kind = EhrUnavailable if undone else OutcomeUnknown
                    raise kind(f"{problem} (attempt {number})", problem.status, again=True, wait=problem.wait) from None
                self._sleep(wait)
        raise EhrUnavailable("no attempt was allowed")

    def fetch(
        self,
        url: str,
        sink: Callable[[bytes], Any],
        *,
        token: bool,
        hosts: Collection[tuple[str, str, int | None]] = (),
        headers: Mapping[str, str] | None = None,
        begin: Callable[[int, Mapping[str, str]], Any] | None = None,
    ) -> Fetched:
        """Pass the file at ``url`` on to ``sink`` as it comes. One attempt: what was passed on cannot be taken back.

        ``begin`` is told status and headers before the first piece: whether only the rest comes (206), and what it is packed in.

        ``url`` may lead to one of the ``hosts`` (see `urls.origin`) beside the server; only the server itself gets the token, and
        only if ``token``, also after a redirect. Raises `EhrUnavailable`; its ``again`` says whether another attempt may help.
        """
        known = {self._origin, *hosts}

        def once(bearer: str | None, allowed: float) -> Fetched:
            asked = _Request("GET", url, {**self._headers, "Accept": "*/*", **(headers or {})}, None, bearer if token else None)
            return self._download(asked, sink, known, allowed, begin)

        try:
            return self._attempt(once, self._limits.download, silence=self._limits.attempt)
        except Transient as problem:
            self._breaker.failed()
            raise EhrUnavailable(str(problem), problem.status, again=True, wait=problem.wait) from None

    # ------------------------------------------------------------ one attempt

    def _attempt(self, once: Callable[[str | None, float], T], allowed: float, silence: float | None = None) -> T:
        """One attempt, or two if the server does not accept the token any more."""
        self._breaker.check()
        token = self._authority.token() if self._authority else None
        try:
            return self._timed(once, token, allowed, silence)
        except EhrUnavailable as problem:
            if problem.status != 401 or self._authority is None or token is None or not self._authority.refused(token):
                raise
        return self._timed(once, self._authority.token(), allowed, silence)

    def _timed(self, once: Callable[[str | None, float], T], token: str | None, allowed: float, silence: float | None) -> T:
        """`_attempt`, counted, with what a library raises told without its text."""
        try:
            with self._pace.turn(), deadline(allowed, silence):
                answer = once(token, allowed)
        except Transient as problem:
            self.attempts[str(problem)] += 1
            raise
        except EhrUnavailable as problem:
            self.attempts[f"HTTP {problem.status}" if problem.status else "refused"] += 1
            self._breaker.succeeded()
            raise
        except (requests.RequestException, HTTPError, TimeoutError) as error:
            # The texts of these exceptions hold whole URLs, and those hold patients' ids.
            self.attempts[type(error).__name__] += 1
            raise Transient(f"no complete answer ({type(error).__name__})", sent=not _never_arrived(error)) from None
        self.attempts["accepted"] += 1
        self._breaker.succeeded()
        return answer

    def _exchange(self, asked: "_Request", allowed: float) -> Answer:
        for _ in range(self._limits.redirects + 1):
            with self._send(asked, allowed) as response:
                if response.status_code not in _REDIRECTS:
                    return understood(response, self._limits.body)
                if asked.method != "GET":
                    raise UnsafeRedirect("the server redirects what was sent to it; it was not followed")
                asked = replace(asked, url=self.resolve(response.headers.get("Location", ""), asked.url))
        raise UnsafeRedirect("too many redirects")

    def _download(
        self,
        asked: "_Request",
        sink: Callable[[bytes], Any],
        known: Collection[tuple[str, str, int | None]],
        allowed: float,
        begin: Callable[[int, Mapping[str, str]], Any] | None,
    ) -> Fetched:
        for _ in range(self._limits.redirects + 1):
            if origin(asked.url) not in known:
                raise UnsafeRedirect("a file lies on a host that is not allowed; it was not asked for")
            if origin(asked.url) != self._origin:
                asked = replace(asked, token=None)
            with self._send(asked, allowed) as response:
                if response.status_code not in _REDIRECTS:
                    refuse(response)
                    if begin:
                        begin(response.status_code, response.headers)
                    size = 0
                    for chunk in passed_on(response):
                        size += len(chunk)
                        sink(chunk)
                    return Fetched(response.status_code, response.headers, size)
                asked = replace(asked, url=joined(asked.url, response.headers.get("Location", "")))
        raise UnsafeRedirect("too many redirects")

    def _send(self, asked: "_Request", allowed: float) -> requests.Response:
        allowed = min(allowed, left())
        timeout = (min(self._limits.connect, allowed), allowed)
        session = self._session()
        return session.request(
            asked.method,
            asked.url,
            data=asked.body,
            headers=asked.headers,
            auth=Bearer(asked.token),
            timeout=timeout,
            stream=True,
            allow_redirects=False,
        )

    def _session(self) -> requests.Session:
        """A session for each thread: requests does not promise that one serves several."""
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            session.trust_env = False
            session.verify, session.cert = self._verify, self._certificate
            for scheme in ("http://", "https://"):
                session.mount(scheme, DeadlineAdapter())
        return session


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    token: str | None


def _never_arrived(error: Exception) -> bool:
    """Whether no connection came about at all, so that the server cannot have done anything."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _resource(answer: Answer) -> Json:
    if answer.body is None:
        raise EhrUnavailable("the answer is not a resource", answer.status)
    return answer.body


def _version() -> str:
    try:
        return version("almoner")
    except PackageNotFoundError:
        return "unknown"

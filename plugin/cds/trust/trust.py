"""Who calls: from the Authorization header of a call to the client that sent it, or to nobody."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from plugin.cds.clients.client import Client
from plugin.cds.trust import jws
from plugin.cds.trust.agreed import PUBLISHED_KEYS, Agreed, agreed, key_source
from plugin.cds.trust.claims import Claims, check, claims
from plugin.cds.trust.key_source import KeySource, KeysUnavailable
from plugin.cds.trust.keys import VerifyingKey
from plugin.cds.trust.places import host_of, is_loopback
from plugin.cds.trust.reasons import Reason, Unauthorized
from plugin.cds.trust.replay import SeenTokens
from plugin.store import Store

LOG = logging.getLogger(__name__)

_BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True)
class _Caller:
    """Where a call came in, and from where."""

    url: str
    peer: str | None

    @property
    def is_local(self) -> bool:
        """Whether it was made on this machine and to this machine's own name: not through a proxy, nor a name that only leads here."""
        return is_loopback(host_of(self.url)) and (not self.peer or is_loopback(self.peer))


class Trust:
    """The clients of the service and what was agreed with each: one per process, for any number of threads."""

    def __init__(
        self,
        clients: Iterable[Client],
        store: Store,
        public_url: str | None = None,
        *,
        loopback: bool = True,
        anonymous: bool = False,
        source: Callable[[Agreed], KeySource] = key_source,
    ) -> None:
        """``loopback``: the service listens where only this machine can call; ``anonymous``: open clients are let in from anywhere.

        Raises `plugin.errors.SettingsUnreadable` if a file of keys cannot be used.
        """
        self._public_url, self._loopback, self._anonymous = public_url, loopback, anonymous
        self._clients: dict[tuple[str, str | None], tuple[Agreed, KeySource]] = {}
        self._open: Client | None = None
        self._seen = SeenTokens(store)
        for client in clients:
            found = agreed(client)
            if found is None:
                self._open = client
            else:
                self._clients[found.issuer, found.tenant] = (found, source(found))

    def client_of(self, authorization: str | None, url: str, now: datetime, peer: str | None = None) -> Client:
        """The client that makes a call to ``url``; ``peer`` is the address that it comes from, where the server knows it.

        Raises:
            Unauthorized: it is not let in. The log has the reason's name, and the client's as far as the token was understood.
        """
        try:
            return self._client_of(authorization, _Caller(url, peer), now)
        except Unauthorized as refused:
            LOG.warning("call_refused reason=%s client=%s", refused.reason, refused.client or "-")
            raise

    def _client_of(self, authorization: str | None, caller: _Caller, now: datetime) -> Client:
        if self._open is not None and (authorization is None or not self._clients):
            self._check_place(self._open, caller, anywhere=self._anonymous)
            return self._open
        token = jws.read(_token(authorization))
        if str(token.header.get("typ", "JWT")).upper() != "JWT":
            raise Unauthorized(Reason.HEADER)
        said = claims(jws.strict_object(token.payload))
        found = self._clients.get((said.issuer, said.tenant))
        if found is None:
            raise Unauthorized(Reason.UNKNOWN_CLIENT)
        client = found[0].client
        try:
            self._check_place(client, caller, anywhere=True)
            self._verify(token, said, *found, caller, now)
        except Unauthorized as refused:
            refused.client = client.name
            raise
        return client

    def _check_place(self, client: Client, caller: _Caller, *, anywhere: bool) -> None:
        """Raises `Unauthorized` if the call is not from this machine and must be: anybody could be ``client``."""
        if (not anywhere or client.profile.name in PUBLISHED_KEYS) and not self._is_local(caller):
            raise Unauthorized(Reason.NOT_LOCAL, client.name)

    def _verify(self, token: jws.Jws, said: Claims, by: Agreed, keys: KeySource, caller: _Caller, now: datetime) -> None:
        """The cheap checks first, so that no stranger makes us fetch keys, verify or write; the token is used up last."""
        if token.header.get("alg") not in by.algorithms:
            raise Unauthorized(Reason.ALGORITHM)
        if "jku" in token.header and token.header["jku"] != by.jwks_url:
            raise Unauthorized(Reason.OTHER_KEYS)
        check(said, self._audiences(by, caller), now.timestamp(), by.leeway)
        jws.verify(token, _key(token.header, keys))
        until = datetime.fromtimestamp(said.expires, UTC) + timedelta(seconds=by.leeway)
        self._seen.take(by.client.name, said.id, until, now)

    def _audiences(self, by: Agreed, caller: _Caller) -> tuple[str, ...]:
        """The addresses of what was called, as the client may know them. The Host header alone is believed on this machine only."""
        path = urlsplit(caller.url).path
        bases = by.audience or ((self._public_url,) if self._public_url else ())
        if bases:
            return tuple(base.rstrip("/") + path for base in bases)
        return (caller.url,) if self._is_local(caller) else ()

    def _is_local(self, caller: _Caller) -> bool:
        return self._loopback and caller.is_local


def _token(authorization: str | None) -> str:
    if authorization is None:
        raise Unauthorized(Reason.ABSENT)
    scheme, _, token = authorization.strip(" ").partition(" ")
    if scheme.lower() != _BEARER:
        raise Unauthorized(Reason.NOT_BEARER)
    return token.strip(" ")


def _key(header: Mapping[str, object], keys: KeySource) -> VerifyingKey:
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise Unauthorized(Reason.UNKNOWN_KEY)
    try:
        found = keys.key(kid)
    except KeysUnavailable:
        raise Unauthorized(Reason.KEYS_UNAVAILABLE) from None
    if found is None:
        raise Unauthorized(Reason.UNKNOWN_KEY)
    return found

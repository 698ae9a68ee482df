"""Our keys through their lives: published before they sign, signing, published still, gone.

::

    new ──► next ──rotate──► current ──rotate──► retired ──retire──► gone
            published        published, signs     published

A server that keeps a copy of our key set (`KeyRing.published`) never meets a signature by a key that it has not seen. Each algorithm has
a row of its own. Beside the private keys lies ``keys.json``: the states and the public halves.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fhir_adapters.errors import AdapterError, KeyUnusable
from fhir_adapters.quarantine import Json
from fhir_adapters.smart.keys import PrivateKey, SigningKey, public_jwk, read_key, thumbprint

STATE_FILE: Final = "keys.json"
PUBLISHED_FIRST: Final = timedelta(hours=1)
"""So long a key is published before it signs: servers keep a copy of the key set, some for longer than they are told to."""
PUBLISHED_STILL: Final = timedelta(minutes=10)
"""So long after its last signature a key stays published: an assertion lives for four minutes."""
_RSA_BITS: Final = 3072


class NotYet(AdapterError):
    """A key cannot change its state now; the message says when it can."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the ring, without its private half."""

    kid: str
    algorithm: str
    state: str
    """``next``, ``current`` or ``retired``."""
    since: str
    """When it came into this state (ISO 8601)."""
    public: Json

    @property
    def fingerprint(self) -> str:
        """The thumbprint of RFC 7638."""
        return thumbprint(self.public)

    def age(self, now: datetime) -> timedelta:
        """How long it has been in its state."""
        return now - datetime.fromisoformat(self.since)

    def to(self, state: str, now: datetime) -> "Entry":
        """The same key in another state."""
        return replace(self, state=state, since=now.isoformat(timespec="seconds"))


class KeyRing:
    """The keys in ``folder``. The files are read when asked for, so that a rotation needs no restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signing: SigningKey | None = None

    def entries(self) -> tuple[Entry, ...]:
        """Every key, in the order in which they were made. Empty if there is no ring yet. Raises `KeyUnusable` if it is damaged."""
        file = self._folder / STATE_FILE
        try:
            found: Any = json.loads(file.read_text(encoding="utf-8"))
            return tuple(Entry(**each) for each in found["keys"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError):
            raise KeyUnusable(f"{file} cannot be read, or is not what almoner keys wrote") from None

    def published(self) -> Json:
        """The key set (JWKS) that servers fetch: public halves only."""
        marks = {"use": "sig", "key_ops": ["verify"]}
        return {"keys": [entry.public | {"kid": entry.kid, "alg": entry.algorithm} | marks for entry in self.entries()]}

    def signing(self, algorithm: str | None = None) -> SigningKey:
        """The key that signs now; ``algorithm`` may be left out where there is only one. Raises `KeyUnusable`."""
        found = [entry for entry in self.entries() if entry.state == "current" and algorithm in (None, entry.algorithm)]
        if not found:
            raise KeyUnusable(f"{self._folder} holds no current {algorithm or ''} key: almoner keys new makes one".replace("  ", " "))
        if len(found) > 1:
            raise KeyUnusable(f"{self._folder} holds current keys of several algorithms; name one in the server's settings")
        (entry,) = found
        if self._signing is None or self._signing.kid != entry.kid:
            self._signing = read_key(str(self._file(entry.kid)), kid=entry.kid, algorithm=entry.algorithm)
        return self._signing

    def new(self, algorithm: str, now: datetime) -> Entry:
        """Make a key: the first one of its algorithm is current at once, another one waits as ``next``."""
        entries = self.entries()
        same = [entry for entry in entries if entry.algorithm == algorithm]
        if any(entry.state == "next" for entry in same):
            raise NotYet(f"there is a next {algorithm} key already; almoner keys rotate puts it to use")
        private: PrivateKey = (
            rsa.generate_private_key(65537, _RSA_BITS) if algorithm == "RS384" else ec.generate_private_key(ec.SECP384R1())
        )
        public = public_jwk(private)
        kid = f"{now:%Y-%m-%d}-{algorithm.lower()}-{thumbprint(public).replace('-', '').replace('_', '')[:8]}"
        state = "next" if any(entry.state == "current" for entry in same) else "current"
        entry = Entry(kid, algorithm, "", "", public).to(state, now)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._file(kid), private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._save([*entries, entry])
        return entry

    def rotate(self, algorithm: str, now: datetime, *, at_once: bool = False) -> Entry:
        """The next key becomes current, the current one retired. Raises `NotYet` before servers can have seen it, unless ``at_once``."""
        entries = self.entries()
        coming = next((entry for entry in entries if (entry.algorithm, entry.state) == (algorithm, "next")), None)
        if coming is None:
            raise NotYet(f"there is no next {algorithm} key: almoner keys new makes and publishes one")
        if coming.age(now) < PUBLISHED_FIRST and not at_once:
            raise NotYet(
                f"{coming.kid} has been published for {_minutes(coming.age(now))} of {_minutes(PUBLISHED_FIRST)}: wait, or say --now"
            )
        after = {"current": "retired", "next": "current"}
        self._save(
            entry.to(after[entry.state], now) if entry.algorithm == algorithm and entry.state in after else entry for entry in entries
        )
        return coming.to("current", now)

    def retire(self, now: datetime, *, at_once: bool = False) -> tuple[Entry, ...]:
        """Withdraw the retired keys whose last signatures have expired, and delete their private halves. Gives what is gone."""
        entries = self.entries()
        gone = tuple(entry for entry in entries if entry.state == "retired" and (at_once or entry.age(now) >= PUBLISHED_STILL))
        if gone:
            self._save(entry for entry in entries if entry not in gone)
            for entry in gone:
                self._file(entry.kid).unlink(missing_ok=True)
        return gone

    def _file(self, kid: str) -> Path:
        return self._folder / f"{kid}.pem"

    def _save(self, entries: Iterable[Entry]) -> None:
        text = json.dumps({"keys": [asdict(entry) for entry in entries]}, indent=2) + "\n"
        temporary = self._folder / f".{STATE_FILE}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        _write(temporary, text.encode())
        temporary.replace(self._folder / STATE_FILE)


def _write(path: Path, content: bytes) -> None:
    """A new file that only its owner can read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _minutes(time: timedelta) -> str:
    return f"{int(time.total_seconds() // 60)} min"

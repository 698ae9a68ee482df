"""Users and encounters as the ledger knows them: by a keyed hash. Whoever has the ledger and not the key can name nobody."""

import contextlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from fhir_adapters.errors import KeyUnusable
from fhir_adapters.smart.keys import ENVIRONMENT, read_private

_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The hashes under one key."""

    key: bytes = field(repr=False)

    def of(self, kind: str, realm: str, name: str) -> str:
        """32 hexadecimal digits for ``name``. The same name of another kind, or in another realm, has another hash."""
        text = "\0".join((kind, realm, name)).encode("utf-8", "surrogatepass")
        return hmac.new(self.key, text, sha256).hexdigest()[:32]


def key_at(reference: str) -> bytes:
    """The key in a file that only its owner may read (made if it is missing), or in the variable NAME of ``env:NAME``.

    Several machines with one database need the same key: hand the file on, or use a variable.

    Raises:
        KeyUnusable: it is too short, others can read it, or it can be neither read nor made.
    """
    if reference.startswith(ENVIRONMENT):
        name = reference.removeprefix(ENVIRONMENT)
        return _long_enough(os.environ.get(name, "").strip().encode(), f"the environment variable {name}")
    path = Path(reference)
    if not path.exists():
        _make(path)
    return _long_enough(read_private(path).strip(), reference)


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < _BYTES:
        raise KeyUnusable(f"{where}: the key of the ledger needs {_BYTES} characters or more; 'openssl rand -hex 32' makes one")
    return key


def _make(path: Path) -> None:
    """A key that is there whole or not at all: of several processes that start at once, the first one's counts."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
        temporary.unlink()
    except OSError as error:
        raise KeyUnusable(f"{path}: the key of the ledger cannot be made ({type(error).__name__})") from None

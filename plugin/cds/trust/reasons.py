"""Why a caller is not let in. The caller never learns it; the log does."""

from enum import StrEnum


class Reason(StrEnum):
    """The name under which the log keeps a refusal."""

    ABSENT = "no-token"
    NOT_BEARER = "not-bearer"
    """Authorization is not one bearer token: another scheme, several of them, or empty."""
    MALFORMED = "malformed"
    """It is not a signed token in compact form."""
    HEADER = "header"
    """Its header asks for what is not done here (crit, jwk, x5c, x5u, b64), or says that it is no JWT."""
    CLAIMS = "claims"
    """A claim that must be there is missing, or of another kind than it should be."""
    UNKNOWN_CLIENT = "unknown-client"
    """Nobody with this issuer and tenant is configured."""
    ALGORITHM = "algorithm"
    AUDIENCE = "audience"
    """It is meant for another service."""
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    """Issued, or valid from, a time that is still to come."""
    TOO_LONG_LIVED = "too-long-lived"
    OTHER_KEYS = "other-keys"
    """It names another place for its keys (jku) than the one agreed."""
    UNKNOWN_KEY = "unknown-key"
    KEYS_UNAVAILABLE = "keys-unavailable"
    """The client's keys could not be had, or not for too long."""
    SIGNATURE = "signature"
    REPLAYED = "replayed"
    MEMORY_UNAVAILABLE = "memory-unavailable"
    """The database that remembers the tokens seen cannot be asked: nobody is let in."""
    NOT_LOCAL = "not-local"
    """An open client, or one whose private key is public, from elsewhere than this machine."""


class Unauthorized(Exception):
    """The caller is not let in; it is told nothing but that.

    ``client`` is the name of the client that the token claims to be from, as far as that was understood.
    """

    def __init__(self, reason: Reason, client: str | None = None) -> None:
        self.reason, self.client = reason, client
        super().__init__(reason.value)

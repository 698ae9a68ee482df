"""Places on the network: which are this machine, which may be read, and which a token may be meant for.

Whatever a call names (``fhirServer``, ``jku``) is a stranger's text: it is compared with the operator's list, never followed.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.:\[\]-]+", re.ASCII)
_USUAL_PORTS: Final = {"http": 80, "https": 443}


def is_trusted(url: str, allowed: Iterable[str]) -> bool:
    """Whether data may be read from ``url``: it is on the list, to the letter but for a final slash, and the way there is safe."""
    return url.removesuffix("/") in {each.removesuffix("/") for each in allowed} and is_safe(url)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: https, or http to this machine. Nothing but a plain address passes."""
    if not url.isascii() or any(sign <= " " or sign in '\\"<>\x7f' for sign in url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "?" in url or "#" in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_key_place(url: str) -> bool:
    """Whether keys may be fetched from ``url``: over https, without exception, for whoever changes a key set on its way is everybody."""
    return is_safe(url) and url.startswith("https://")


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address) is this machine, seen from itself."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def host_of(url: str) -> str:
    """The host that ``url`` names; empty if it is no address."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_origin(text: str) -> bool:
    """Whether ``text`` is an origin as browsers send it: scheme, host, a port that is not the scheme's own, and nothing else."""
    if not _ORIGIN.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != _USUAL_PORTS[parts.scheme]
    except ValueError:
        return False

"""Before pages are served: whether what the settings say lets anybody in whom nobody meant to let in."""

from collections.abc import Iterator

from plugin.cds.trust.places import is_loopback, is_safe
from plugin.errors import SettingsUnreadable
from plugin.settings import Settings


def check(settings: Settings) -> None:
    """Call it before the application is made.

    Raises:
        SettingsUnreadable: pages must not be served like this; every reason, and what to do about each.
    """
    if found := list(problems(settings)):
        raise SettingsUnreadable("\n".join(["pages are not served like this:", *(f"- {each}" for each in found)]))


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong, each with its remedy; nothing if pages may be served."""
    own = settings.access.oidc
    if settings.access.mode == "oidc":
        if not own.issuer or not is_safe(own.issuer):
            yield "access.oidc.issuer: say the https address of the identity provider, to the letter as it calls itself"
        if not own.client_id:
            yield "access.oidc.client_id: say what the registration at the identity provider called this application"
        if not own.roles:
            yield "access.oidc.roles: say which roles people have here, or nobody can sign in"
    if not is_loopback(settings.host):
        if settings.access.mode == "open":
            yield (
                f"access.mode: open is for this machine only, and others can reach it (host is {settings.host}): listen on 127.0.0.1, or"
                " say access.mode: local (accounts, see almoner account) or oidc"
            )
        elif not is_private(settings):
            yield (
                f"public_url: passwords and names would cross the network for all to read (host is {settings.host}): say the https address "
                "under which a proxy with a certificate makes the pages known"
            )


def is_private(settings: Settings) -> bool:
    """Whether the pages are known under an address on whose way nobody can read along."""
    return (settings.public_url or "").startswith("https://")

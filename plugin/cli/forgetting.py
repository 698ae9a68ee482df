"""What ``almoner db purge`` forgets besides the ledger of CDS Hooks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from plugin.access import Role, Scope, attempts, audit, sessions, tokens
from plugin.access.sessions import Lasting
from plugin.api import once
from plugin.inbound import keeping as inbound
from plugin.listings import keeping as listings
from plugin.outreach import forgetting
from plugin.settings import Settings
from plugin.store import Store

_PURGE = Scope("purge", Role.SYSTEM)


def forget_what_is_over(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Forget it; a line for each kind."""
    return list(_forgotten(store, settings, now))


def _forgotten(store: Store, settings: Settings, now: datetime) -> Iterator[str]:
    with store.write() as connection:
        before = now - timedelta(days=settings.keep.episode_days)
        yield f"closed episodes of outreach from before {before:%Y-%m-%d}: {forgetting.forget(connection, before, now):,}"
        yield f"closed inbound referrals from before {before:%Y-%m-%d}: {inbound.forget(connection, before, now):,}"
    with store.write() as connection:
        lasting = Lasting(timedelta(minutes=settings.access.idle_minutes), timedelta(hours=settings.access.longest_hours))
        yield f"sessions that ran out: {sessions.forget(connection, lasting, now):,}"
        yield f"tokens that ran out: {tokens.forget(connection, now):,}"
        once.forget(connection, now)
        attempts.forget(connection, now)
    with store.write() as connection:
        before = now - timedelta(days=settings.keep.audit_days)
        yield f"what agencies said, and said otherwise since, from before {before:%Y-%m-%d}: {listings.forget(connection, before, now):,}"
        yield f"entries of the record from before {before:%Y-%m-%d}: {audit.forget(connection, _PURGE, before, now):,}"

"""The tables of the store, as SQLAlchemy knows them; a migration for each change stands in ``plugin/migrations/versions``."""

from plugin.store.tables import access, agency, api, cds, inbound, messages, outreach, policy, referrals, sweeps, views
from plugin.store.tables.base import METADATA
from plugin.store.tables.tokens import SEEN_TOKENS

__all__ = [
    "METADATA",
    "SEEN_TOKENS",
    "access",
    "agency",
    "api",
    "cds",
    "inbound",
    "messages",
    "outreach",
    "policy",
    "referrals",
    "sweeps",
    "views",
]

"""All addresses of the API."""

from typing import Final

from plugin.api import agency, conversations, inbound, messages, referrals, together, views

BLUEPRINTS: Final = (
    *(conversations.blueprint, messages.blueprint, together.blueprint, views.blueprint),
    *(referrals.blueprint, agency.blueprint, inbound.inbound, inbound.sent),
)

"""All addresses of the API."""

from typing import Final

from plugin.api import agency, conversations, inbound, referrals

BLUEPRINTS: Final = (conversations.blueprint, referrals.blueprint, agency.blueprint, inbound.inbound, inbound.sent)

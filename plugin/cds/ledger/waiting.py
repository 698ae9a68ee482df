"""Accepted referrals: what a handover's state may be."""

from typing import Final

from plugin.translations import marked

REFER: Final = "refer"
"""The kind of a suggestion that opens the closed loop."""
WAITING: Final = "waiting"
"""Nobody has taken it over: its client has no server of ours to write to."""
IN_OUTBOX: Final = "outbox"
"""It is in the outbox; what the operator lets out from there is written once."""
THEIRS: Final = "theirs"
"""The client makes order and Task by itself; it is followed when they stand on its server."""
GIVEN_UP: Final = "given-up"
"""The client was to make it, and never did."""
REFUSED: Final = "refused"
"""It is not fit to be written; ``reason`` says which element."""
ORDERED: Final = marked("ordered")
RESOLVED: Final = marked("resolved")
"""Steps of an accepted suggestion."""

"""Who may call, and where may be read: nothing of a call is believed before this package has looked at it.

`Trust` tells which client makes a call; `check` whether the settings let anybody in whom nobody meant to let in.
"""

from plugin.cds.trust.exposure import check, listens_on_loopback
from plugin.cds.trust.reasons import Reason, Unauthorized
from plugin.cds.trust.trust import Trust

__all__ = ["Reason", "Trust", "Unauthorized", "check", "listens_on_loopback"]

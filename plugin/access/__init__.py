"""Who may do what, and the record of who did."""

from plugin.access.audit import Broken, Entry, head, record, verify
from plugin.access.scope import Forbidden, Right, Role, Scope

__all__ = ["Broken", "Entry", "Forbidden", "Right", "Role", "Scope", "head", "record", "verify"]

"""What goes wrong in the application, apart from what rules and adapters report."""


class ServeError(Exception):
    """The server cannot run here, or ended by itself; the message says what to do."""


class UnknownServer(Exception):
    """The settings do not know a server of that name; the message names those that they know."""


class SettingsUnreadable(Exception):
    """The settings cannot be used; the message names each setting that is wrong, and holds none of its text."""


class StoreError(Exception):
    """The database cannot be used; the message says what to do, and holds neither its password nor its rows."""

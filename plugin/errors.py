"""What goes wrong in the application, apart from what rules and adapters report."""


class ServeError(Exception):
    """The server cannot run here, or ended by itself; the message says what to do."""

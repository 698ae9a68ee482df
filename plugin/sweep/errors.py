"""Why a sweep was not published. The previous one stands, and can be read, whichever it was."""


class SweepStopped(Exception):
    """A sweep ended without being published; the message says why and what to do. It holds no data about people."""


class SweepRefused(SweepStopped):
    """What was found does not pass a gate: it is rather not shown than shown wrong."""


class SweepBusy(SweepStopped):
    """Another sweep runs, or took over."""

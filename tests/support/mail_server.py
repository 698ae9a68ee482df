"""A real mail server on a free loopback port, with a mind of its own. Whoever imports this needs aiosmtpd."""

from asyncio import Server, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """A mail server's mind: what it says at each step, and what it took."""

    def __init__(self, **says: str) -> None:
        self.says = says
        self.taken: list[bytes] = []
        self.silent_at = ""

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.says.get("mail", "250 OK")

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return self.says.get("rcpt", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        if "data" not in self.says:
            self.taken.append(envelope.content)
        if self.silent_at == "data":
            hang_up(server)  # it has the words, and nobody hears that it does
        return self.says.get("data", "250 OK")


def hang_up(server: SMTP) -> None:
    """End the connection without a word."""
    assert isinstance(server.transport, Transport)
    server.transport.abort()


class _Anywhere(Controller):
    """Listens on a port that is free."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def serving(box: Mailbox, **options: Any) -> Iterator[int]:
    controller = _Anywhere(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()

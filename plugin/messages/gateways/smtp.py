"""E-mail over SMTP. What the server has not said that it took counts as not taken, unless the words were already on their way to it."""

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from plugin.messages.gateways.gateway import Outgoing, Result, Word
from plugin.messages.settings import SmtpSettings

_GO_ON: Final = 354
_OK: Final = 250
_FOR_NOW: Final = 400
_FOR_EVER: Final = 500
_DOTS: Final = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server. One connection for each message: there are few, and none holds another up."""

    settings: SmtpSettings
    password: str | None
    named: str
    """Whom the sender's address belongs to, for whoever sees it in their list of mail: a name that gives nothing away."""

    def send(self, message: Outgoing) -> Result:
        """Try it once; see `plugin.messages.gateways.gateway.Gateway`."""
        try:
            mail = self.written(message)
        except ValueError as error:  # or what is one: no such address, or a character that cannot be written
            return Result(Word.FAILED, f"not writable: {type(error).__name__}")
        try:
            server = self._connection()
        except (OSError, smtplib.SMTPException) as error:
            return Result(Word.LATER, _code(error))
        try:
            return self._hand_over(server, message.address, mail)
        except (OSError, smtplib.SMTPException) as error:
            return Result(Word.LATER, _code(error))  # the words had not left yet
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def look(self, message: Outgoing) -> Result:
        """The server is not asked again: nothing in SMTP could tell."""
        return Result(Word.UNKNOWN, "stopped while sending")

    def written(self, message: Outgoing) -> bytes:
        """The mail, to the byte the same however often it is tried: whoever gets it twice can tell by its Message-ID.

        Raises `ValueError` if its address or its words are none that mail can hold.
        """
        own = self.settings.sender
        message.address.encode("ascii")
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(self.named, addr_spec=own)
        mail["To"] = message.address
        mail["Subject"] = message.subject
        mail["Date"] = message.created
        mail["Message-ID"] = f"<{message.id}@{own.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text, cte="quoted-printable")
        mail["Content-Language"] = message.language
        return mail.as_bytes()

    def _connection(self) -> smtplib.SMTP:
        own = self.settings
        context = ssl.create_default_context(cafile=own.ca_file)
        if own.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(own.host, own.port, timeout=own.seconds, context=context)
        else:
            server = smtplib.SMTP(own.host, own.port, timeout=own.seconds)
        try:
            if own.security == "starttls":
                server.starttls(context=context)
            if own.user is not None:
                server.login(own.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, address: str, body: bytes) -> Result:
        """Step by step, because what a failure means depends on the step."""
        server.ehlo_or_helo_if_needed()
        code, _ = server.mail(self.settings.sender)
        if code != _OK:
            return Result(Word.LATER, f"smtp {code} of the sender")
        code, _ = server.rcpt(address)
        if code not in (_OK, 251):
            return Result(Word.FAILED if code >= _FOR_EVER else Word.LATER, f"smtp {code}")
        code, _ = server.docmd("data")
        if code != _GO_ON:
            return Result(Word.FAILED if code >= _FOR_EVER else Word.LATER, f"smtp {code}")
        return _said(server, _DOTS.sub(b"..", body) + b".\r\n")


def _said(server: smtplib.SMTP, body: bytes) -> Result:
    """Send the words, and hear what the server says. From here on silence means that nobody knows."""
    try:
        server.send(body)
        code, _ = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        server.close()
        return Result(Word.UNKNOWN, f"{_code(error)} after the words")
    if code == _OK:
        return Result(Word.SENT)
    word = Word.FAILED if code >= _FOR_EVER else Word.LATER if code >= _FOR_NOW else Word.UNKNOWN
    return Result(word, f"smtp {code}")


def _code(error: Exception) -> str:
    """What went wrong, without a word of the server's: it may repeat an address."""
    return f"smtp {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else type(error).__name__

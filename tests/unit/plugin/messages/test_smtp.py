"""E-mail to a mail server that is real: taken, refused, put off, and silent at every step."""

import ssl
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed: make dev")

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import ValidationError
from support.certificates import issue
from support.mail_server import Mailbox, serving
from support.messages import WRITERS, outgoing

from plugin.messages.gateways.gateway import Result, Word
from plugin.messages.gateways.smtp import Smtp
from plugin.messages.settings import MessageSettings, SmtpSettings

SECRET = "correct horse"  # noqa: S105 of a server that lives as long as a test


def gateway(port: int, secret: str | None = None, changes: dict[str, Any] | None = None) -> Smtp:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "post@northside.example.org", "seconds": 5}
    return Smtp(SmtpSettings(**(usual | (changes or {}))), secret, "Northside")


def test_what_the_server_took_is_the_mail_to_the_letter() -> None:
    box = Mailbox()
    with serving(box) as port:
        assert gateway(port).send(outgoing()) == Result(Word.SENT)
    (taken,) = box.taken
    mail = message_from_bytes(taken, policy=default)
    assert (mail["From"], mail["To"]) == ("Northside <post@northside.example.org>", "ana@example.org")
    assert (mail["Subject"], mail["Content-Language"]) == ("Ayuda con los alimentos", "es")
    assert mail["Message-ID"] == f"<{outgoing().id}@northside.example.org>"
    assert mail.get_content().replace("\r\n", "\n") == "Hola Ana:\n\n.Queremos hablar con usted.\n"


def test_tried_again_it_is_to_the_byte_the_same_mail() -> None:
    box = Mailbox()
    with serving(box) as port:
        for _ in range(2):
            gateway(port).send(outgoing())
    assert box.taken[0] == box.taken[1]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"rcpt": "550 5.1.1 ana@example.org: no such user"}, Result(Word.FAILED, "smtp 550")),
        ({"rcpt": "451 4.7.1 greylisted, ana@example.org"}, Result(Word.LATER, "smtp 451")),
        ({"mail": "550 you are not welcome"}, Result(Word.LATER, "smtp 550 of the sender")),
        ({"data": "554 spam"}, Result(Word.FAILED, "smtp 554")),
        ({"data": "452 disk full"}, Result(Word.LATER, "smtp 452")),
        ({"data": "252 perhaps"}, Result(Word.UNKNOWN, "smtp 252")),
        ({"data": "354 go on"}, Result(Word.UNKNOWN, "smtp 354")),
    ],
)
def test_what_the_server_says_decides_and_its_text_is_not_repeated(says: dict[str, str], expected: Result) -> None:
    box = Mailbox(**says)
    with serving(box) as port:
        assert gateway(port).send(outgoing()) == expected
    assert box.taken == []


@pytest.mark.parametrize(
    "changes",
    [{"address": "aná@example.org"}, {"address": "ana@example.org\nBcc: eve@example.org"}, {"text": "\ud800"}, {"subject": "a\nb"}],
)
def test_what_mail_cannot_hold_is_said_and_no_server_is_asked(changes: dict[str, str]) -> None:
    found = gateway(9).send(outgoing(**changes))
    assert found.word is Word.FAILED
    assert found.reason.startswith("not writable")


def test_after_the_words_left_silence_means_that_nobody_knows() -> None:
    box = Mailbox()
    box.silent_at = "data"
    with serving(box) as port:
        found = gateway(port).send(outgoing())
    assert (found.word, found.reason) == (Word.UNKNOWN, "SMTPServerDisconnected after the words")
    assert len(box.taken) == 1


def test_a_server_that_says_nothing_after_the_words_is_not_waited_for_for_ever() -> None:
    class Slow(Mailbox):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            import asyncio

            await asyncio.sleep(1.5)
            return "250 OK"

    with serving(Slow()) as port:
        assert gateway(port, changes={"seconds": 0.3}).send(outgoing()).word is Word.UNKNOWN


def test_where_no_server_is_it_is_tried_later() -> None:
    with serving(Mailbox()) as port:
        pass
    found = gateway(port).send(outgoing())
    assert (found.word, found.reason) == (Word.LATER, "ConnectionRefusedError")


def test_of_one_that_was_being_sent_nobody_knows() -> None:
    assert gateway(25).look(outgoing()).word is Word.UNKNOWN


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """That of a server, and the file by which it is trusted."""
    file = issue(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, tmp_path / "cert.pem"


def _lets_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(handled=False, success=isinstance(data, LoginPassword) and data == LoginPassword(b"almoner", SECRET.encode()))


@pytest.mark.parametrize(
    ("password", "trusted", "expected"),
    [
        (SECRET, True, Result(Word.SENT)),
        ("wrong", True, Result(Word.LATER, "smtp 535")),
        (SECRET, False, Result(Word.LATER, "SSLCertVerificationError")),
    ],
)
def test_whoever_signs_in_does_so_on_a_private_way(
    certificate: tuple[ssl.SSLContext, Path], password: str, trusted: bool, expected: Result
) -> None:
    context, file = certificate
    box = Mailbox()
    with serving(box, tls_context=context, authenticator=_lets_in, auth_exclude_mechanism=["LOGIN"], require_starttls=True) as port:
        asked = {"security": "starttls", "user": "almoner", "password": "env:ANY", "ca_file": file if trusted else None}
        found = gateway(port, password, asked).send(outgoing())
    assert found == expected
    assert len(box.taken) == (expected.word is Word.SENT)


def test_a_server_that_offers_no_private_way_gets_nothing() -> None:
    box = Mailbox()
    with serving(box) as port:
        found = gateway(port, changes={"security": "starttls"}).send(outgoing())
    assert (found.word, found.reason) == (Word.LATER, "SMTPNotSupportedError")
    assert box.taken == []


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"host": "mail.example.org", "security": "none"}, "whole network"),
        ({"user": "almoner"}, "say password"),
        ({"user": "almoner", "password": "hunter2"}, "hold no secrets"),
        ({"sender": "post"}, "match pattern"),
        ({"sender": "post@example.org\nBcc: eve@example.org"}, "match pattern"),
    ],
)
def test_settings_that_would_give_something_away_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        SmtpSettings(**settings)


def test_messages_are_carried_only_for_somebody_who_signs_them() -> None:
    with pytest.raises(ValidationError, match="say organisation, sender, phone"):
        MessageSettings(letter="files")
    with pytest.raises(ValidationError, match="address that mail comes from"):
        MessageSettings(**WRITERS.model_dump() | {"email": "smtp"})
    assert WRITERS.by("email") is None

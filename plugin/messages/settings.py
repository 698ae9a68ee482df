"""The settings of messages."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class SmtpSettings(BaseModel):
    """The mail server that takes what we send."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(default="localhost", description="Its name, as its certificate has it.")
    port: int = Field(default=587, ge=1, le=65535, description="587 for starttls, 465 for tls, 25 for a relay on this machine.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the way there is kept private; none is for a relay on this machine only."
    )
    user: str | None = Field(default=None, description="The name with which to sign in there; none: without signing in.")
    password: str | None = Field(default=None, description="The password: a file which only its owner may read, or env:VARIABLE.")
    sender: str = Field(
        default="",
        pattern=r"^$|^[!-?A-~]+@[A-Za-z0-9.-]+$",
        description="The address that mail comes from and goes back to. Let it say nothing about what is written.",
    )
    ca_file: Path | None = Field(default=None, description="Certificates to trust there instead of the public ones (PEM).")
    seconds: float = Field(default=30, gt=0, le=60, description="So long each step may take.")

    @field_validator("password")
    @classmethod
    def _no_secret(cls, value: str | None) -> str | None:
        if value and not value.startswith("env:") and "/" not in value and "." not in value:
            raise ValueError("the settings hold no secrets: name a file, or a variable (env:NAME)")
        return value

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if self.security == "none" and self.host not in _HERE:
            raise ValueError("security none would show people's mail to the whole network: say starttls or tls, or a relay on this machine")
        if self.user is not None and self.password is None:
            raise ValueError("whoever signs in has a password: say password")
        return self


class MessageSettings(BaseModel):
    """Messages to people: who writes, and what carries them. What nothing carries, staff print or copy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation: str = Field(default="", max_length=40, description="Who writes, as people know it.")
    sender: str = Field(
        default="", max_length=30, description="Who writes, by a name that gives nothing away: on whatever others may read."
    )
    phone: str = Field(default="", max_length=20, description="The number that people are asked to call.")
    email: Literal["none", "smtp", "files"] = Field(default="none", description="What carries e-mail.")
    sms: Literal["none", "files"] = Field(default="none", description="What carries text messages.")
    letter: Literal["none", "files"] = Field(default="none", description="What carries letters.")
    portal: Literal["none", "fhir"] = Field(
        default="none", description="What carries portal messages: a Communication in the chart (the server of referrals.server)."
    )
    folder: Path = Field(default=Path("messages"), description="Where a supplier fetches what files carries: one file for each message.")
    templates: Path | None = Field(default=None, description="A folder of your own templates, in place of those of the same name.")
    smtp: SmtpSettings = Field(default=SmtpSettings(), description="The mail server, if email is smtp.")

    @model_validator(mode="after")
    def _somebody_writes(self) -> Self:
        carried = any(self.by(channel) for channel in ("email", "sms", "letter", "portal"))
        missing = [name for name in ("organisation", "sender", "phone") if not getattr(self, name).strip()]
        if carried and missing:
            raise ValueError(f"messages are signed, and name a number to call: say {', '.join(missing)}")
        if self.email == "smtp" and "@" not in self.smtp.sender:
            raise ValueError("smtp.sender: say the address that mail comes from")
        return self

    def by(self, channel: str) -> str | None:
        """The gateway that carries what goes over ``channel``; ``None``: none does."""
        found: str = getattr(self, channel, "none")
        return None if found == "none" else found

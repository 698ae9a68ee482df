"""Every setting, with its default. Read from a YAML file named by ``ALMONER_CONFIG``; ``ALMONER_X__Y`` in the environment wins."""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from fhir_adapters.vendors import known_vendors
from plugin.cds.clients.profile import known_profiles
from plugin.cds.texts import known_languages
from plugin.messages.settings import MessageSettings
from plugin.referrals.disclosure import DISCLOSURES
from rules.pack import BUILT_IN


class ClientSettings(BaseModel):
    """One CDS Hooks client: an EHR, or one tenant of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = Field(default="generic", description="The profile of known habits of this kind of client; see docs/how-to/cds-hooks.")
    issuer: str | None = Field(
        default=None, description="The iss of its tokens, to the letter. None: an open client, without tokens; there can be one."
    )
    tenant: str | None = Field(default=None, description="The tenant of its tokens, where one issuer serves several organisations.")
    audience: tuple[str, ...] = Field(
        default=(),
        description="Base URLs by which the client knows this service (aud), if they are not public_url: behind a proxy, for one.",
    )
    jwks_url: str | None = Field(
        default=None, description="Where its keys are fetched (https); a token that names another place (jku) is refused."
    )
    jwks_file: Path | None = Field(default=None, description="Its keys as a file, if they were handed over; then none are fetched.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust at jwks_url instead of the public ones (PEM).")
    fhir_servers: tuple[str, ...] = Field(
        default=(), description="Base URLs of FHIR servers from which missing data may be read; others are never contacted."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Origins of browser-based clients, exactly as browsers send them (CORS)."
    )
    links: tuple[str, ...] = Field(default=(), description="Beginnings of addresses to which a card may lead; none: as the profile says.")
    order_codes: dict[str, str] = Field(
        default={}, description="What the site's order catalogue calls a service: our code (system|code) to theirs (system|code)."
    )
    replaces_cards: bool = Field(
        default=False,
        description="Give all services one id, by which newer cards replace older ones. Some clients then see only the last hook.",
    )
    server: str | None = Field(
        default=None,
        description="The FHIR server of servers: that is this client's EHR: accepted referrals go into the outbox for it, as far as its "
        "write: allows. Clients of one server share patients.",
    )
    language: str = Field(default="en", description="The language of cards (BCP 47): en or es.")
    max_cards: int | None = Field(default=None, ge=1, le=10, description="At most so many cards for one call; else as cds.max_cards says.")

    @field_validator("profile")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in known_profiles():
            raise ValueError(f"no such profile; there are: {', '.join(known_profiles())}")
        return value

    @field_validator("language")
    @classmethod
    def _spoken(cls, value: str) -> str:
        if value.partition("-")[0].lower() not in known_languages():
            raise ValueError(f"cards do not speak it; they speak: {', '.join(known_languages())}")
        return value


class RolloutSettings(BaseModel):
    """How one rule is brought to clinicians."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: tuple[str, ...] = Field(default=(), description="In its pilot, show it to these clients only; none: to all.")
    percent: int = Field(default=100, ge=0, le=100, description="In its pilot, show it to so many in a hundred of the unit.")
    unit: Literal["patient", "user", "client"] = Field(default="patient", description="Of what shares are drawn.")
    control: int = Field(
        default=0,
        ge=0,
        le=99,
        description="A trial: so many in a hundred of the unit get no card; the ledger has what it would have been.",
    )
    critical: bool = Field(
        default=False, description="Governance agreed that it may interrupt (critical); otherwise such a card is shown as a warning."
    )
    waived: str | None = Field(
        default=None, min_length=3, description="Why the rule is in use although almoner cds gates says that a gate was not met."
    )


class GateSettings(BaseModel):
    """What a rule must have shown before it goes on from silent to pilot, and from pilot to live."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    silent_days: int = Field(default=14, ge=1, description="So many days silent.")
    reviews: int = Field(default=30, ge=1, description="So many of its cards judged from the chart (almoner cds review).")
    ppv: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="The share of reviewed cards that were right: the lower end of its 95 % interval is over this.",
    )
    pilot_days: int = Field(default=14, ge=1, description="So many days in its pilot.")
    acceptance: float = Field(
        default=0.08,
        ge=0,
        le=1,
        description="The share of cards in the pilot that were accepted, of those of which it is known: the same lower end is over this.",
    )
    target: float = Field(default=0.3, ge=0, le=1, description="The share to aim for; told, not asked for.")


class WatchSettings(BaseModel):
    """When almoner cds watch raises an alarm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: float = Field(
        default=1e-5, gt=0, le=0.01, description="A number of cards in a day, or in seven, that is less likely than this is an alarm."
    )
    acceptance: float = Field(
        default=0.05, ge=0, le=1, description="A rule of whose cards surely less than this share is accepted (95 %, 90 days) is an alarm."
    )
    demotes: bool = Field(default=False, description="While an alarm is open, its rule is silent for that client.")


class CanarySettings(BaseModel):
    """Made-up people that almoner cds canary sends through the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = Field(
        default="almoner-canary-",
        pattern=r"^[A-Za-z0-9\-.]{8,40}$",
        description="How their ids begin. Calls about such people count for nothing, so no patient's id may begin so.",
    )
    people: Path | None = Field(default=None, description="A file of your own people; none: those that come with Almoner.")


class CdsSettings(BaseModel):
    """The CDS Hooks service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: dict[str, ClientSettings] = Field(
        default={}, description="Who may call, by name. None: an open service, for this machine only unless anonymous is true."
    )
    anonymous: bool = Field(
        default=False,
        description="Answer callers without a token even where other machines can reach the service: for trials behind a gate.",
    )
    fhir_servers: tuple[str, ...] = Field(default=(), description="Like that of a client: for a service without clients.")
    allowed_origins: tuple[str, ...] = Field(default=(), description="Like that of a client: for a service without clients.")
    preview: bool = Field(
        default=False, description="Whether the page is there that shows a card as each kind of client would; it stores nothing."
    )
    max_cards: int = Field(default=2, ge=1, le=10, description="At most so many cards for one call; the highest priority first.")
    rollouts: dict[str, RolloutSettings] = Field(default={}, description="Pilots, trials and permission to interrupt, by rule.")
    gates: GateSettings = Field(default=GateSettings(), description="What a rule must have shown before it goes on.")
    watch: WatchSettings = Field(default=WatchSettings(), description="Alarms about rules that speak more or less than they did.")
    canary: CanarySettings = Field(default=CanarySettings(), description="Made-up people that are sent through the service.")
    fetch_seconds: float = Field(
        default=1.5, gt=0, le=10, description="What did not come with a call is read from its FHIR server in this time; then it is unknown."
    )
    calls_at_once: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Each worker process answers at most so many calls at one time; further ones are turned away at once (503).",
    )
    wait_seconds: float = Field(
        default=0.4, gt=0, le=10, description="A call that would have to wait longer than that for those before it is turned away too."
    )
    directory: tuple[str, ...] = Field(
        default=(),
        description="What partner agencies offer (NAME=PATH, as almoner directory takes it): with it the choice of an agency is checked.",
    )
    key: str | None = Field(
        default=None,
        description="The key under which the ledger knows users and encounters: a file which only its owner may read, or env:VARIABLE; "
        "else ledger.key in the folder of state, which is made.",
    )
    keep_days: int = Field(default=730, ge=1, description="After so many days almoner db purge forgets calls, cards and feedback.")
    ignored_after_hours: int = Field(
        default=24, ge=1, description="After so many hours without feedback a card counts as ignored, if its client gives feedback."
    )


class SweepSettings(BaseModel):
    """What must hold before almoner sweep publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    firing: Literal["ignore", "warn", "stop"] = Field(
        default="warn",
        description="What happens if a rule says yes of more or fewer people than its sweeps of the last eight weeks let expect.",
    )
    probability: float = Field(
        default=1e-5, gt=0, le=0.01, description="A number of people that is less likely than this is too many or few."
    )
    unknown: Literal["ignore", "warn", "stop"] = Field(
        default="stop", description="What happens if a rule suddenly cannot tell about many people."
    )
    rise: float = Field(default=0.2, gt=0, le=1, description="Many: their share of all people rose by more than this since the last sweep.")


class PlaygroundSettings(BaseModel):
    """The page on which rules are written and tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        default=False, description="Whether the page is there. Whoever reaches it makes the server work; it stores nothing."
    )
    people: int = Field(default=1_000, ge=1, le=5_000, description="On so many made-up people a rule is tried.")


class PlatformSettings(BaseModel):
    """Referrals that come to us as a coordination platform, and to whom we refer on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str = Field(pattern=r"^Organization/[A-Za-z0-9\-.]{1,64}$", description="Who we are there: the owner of its Tasks for us.")
    to: str = Field(description="The server of the settings on which the agency takes referrals.")
    agency: str = Field(pattern=r"^Organization/[A-Za-z0-9\-.]{1,64}$", description="The agency, on that server.")
    partner: str = Field(description="What kind of partner it is: that decides what it is told.")

    @field_validator("partner")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in DISCLOSURES or DISCLOSURES[value].by_hand:
            raise ValueError("no such kind of partner, or one to whom only a person refers")
        return value


class ReferralSettings(BaseModel):
    """Referrals from conversations of outreach."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str | None = Field(
        default=None, description="The server of the settings into whose charts referrals are written; the only one, if there is one."
    )

    self_referral: bool = Field(
        default=False, description="Whether people can ask for help themselves at /ask-for-help, without an account, from anywhere."
    )
    platforms: dict[str, PlatformSettings] = Field(
        default={}, description="Servers of the settings from which referrals come to us as a coordination platform (almoner refer relay)."
    )
    review_listings: bool = Field(
        default=False,
        description="What agencies change in their entries of the directory holds only when staff have looked at it. "
        "Whether they have places holds at once.",
    )

    def tenant(self, servers: Mapping[str, str]) -> str:
        """Of the server; ``servers``: name → tenant. Without a server referrals are kept here only."""
        if self.server is not None:
            return servers[self.server]
        return next(iter(servers.values())) if len(servers) == 1 else "here"


class ServerSettings(BaseModel):
    """A FHIR server, or one tenant of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(description="Its base URL, such as https://fhir.example.org/r4. Tokens are sent over https only.")
    vendor: str = Field(default="generic", description="The profile of known habits of this kind of server; see docs/how-to/connect.")
    tenant: str | None = Field(
        default=None, description="Keeps what is stored and written for several hospitals apart; the server's name if nothing else is said."
    )
    client_id: str | None = Field(
        default=None, description="What the server's registration called us; without it the server is open to us."
    )
    key: str | None = Field(
        default=None,
        description="Our private key: the folder of almoner keys, a file (PEM, JWK) which only its owner may read, or env:VARIABLE.",
    )
    kid: str | None = Field(default=None, description="The name under which the server knows the key, if the key does not carry it.")
    algorithm: Literal["RS384", "ES384"] | None = Field(
        default=None, description="RS384 or ES384, where the folder of keys holds both; otherwise the key's kind decides."
    )
    scopes: tuple[str, ...] = Field(default=(), description="Ask for these scopes instead of the least ones that the packs need.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the public ones (PEM).")
    certificate: Path | None = Field(default=None, description="Our own certificate, for mutual TLS (PEM).")
    certificate_key: Path | None = Field(default=None, description="Its private key, if it is not in the same file.")
    per_minute: float | None = Field(default=None, gt=0, description="Requests a minute; else as the vendor's profile says.")
    at_once: int | None = Field(default=None, ge=1, le=64, description="Requests at one time; else as the vendor's profile says.")
    write: tuple[str, ...] = Field(default=(), description="Resource types that may be written there, such as Task. None: it is read only.")
    export: str = Field(
        default="search",
        pattern="^(search|patient|system|group/.+)$",
        description="How almoner sweep reads everybody: search, or by Bulk Data export of patient, system or group/ID.",
    )
    file_hosts: tuple[str, ...] = Field(
        default=(), description="Other hosts on which files of its exports may lie (https://…); they never get the token."
    )

    @field_validator("vendor")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in known_vendors():
            raise ValueError(f"no such profile; there are: {', '.join(known_vendors())}")
        return value

    @field_validator("key")
    @classmethod
    def _no_secret(cls, value: str | None) -> str | None:
        if value and ("\n" in value or "{" in value or "PRIVATE KEY" in value):
            raise ValueError("the settings hold no keys: name a file, a folder, or a variable (env:NAME)")
        return value


class OidcSettings(BaseModel):
    """The organisation's identity provider (OpenID Connect)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str | None = Field(default=None, description="Its address, to the letter as it calls itself (https).")
    client_id: str = Field(default="", description="What its registration called us. The way back is /sign-in/back at public_url.")
    client_secret: str | None = Field(
        default=None, description="A file which only its owner may read, or env:VARIABLE; none for a public client."
    )
    scopes: tuple[str, ...] = Field(default=("openid", "profile"), description="What is asked for.")
    role_claim: str = Field(default="roles", description="The claim of the ID token that says what somebody is; a.b is b inside a.")
    roles: dict[str, Literal["clinician", "care-manager", "informatician", "analyst", "agency", "administrator"]] = Field(
        default={}, description="What that claim says → the role here; of several, the first of this list counts. Others are not let in."
    )
    agency_claim: str = Field(default="agency", description="The claim that names the agency of an agency's user, by its key here.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust there instead of the public ones (PEM).")

    @field_validator("client_secret")
    @classmethod
    def _no_secret(cls, value: str | None) -> str | None:
        if value and not value.startswith("env:") and "/" not in value and "." not in value:
            raise ValueError("the settings hold no secrets: name a file, or a variable (env:NAME)")
        return value


class AccessSettings(BaseModel):
    """Who may look at the pages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["open", "local", "oidc"] = Field(
        default="open",
        description="open: whoever sits at this machine is a care manager, for trials; local: accounts of almoner account; oidc: people "
        "sign in at the organisation's identity provider.",
    )
    oidc: OidcSettings = Field(default=OidcSettings(), description="The identity provider, if mode is oidc.")
    idle_minutes: int = Field(default=30, ge=1, le=720, description="So long after the last step somebody is signed out.")
    longest_hours: int = Field(default=12, ge=1, le=24, description="So long after signing in somebody is signed out at the latest.")
    glass_minutes: int = Field(
        default=60, ge=5, le=480, description="So long somebody who breaks the glass in an emergency sees what is otherwise not shown."
    )
    proxies: int = Field(
        default=0,
        ge=0,
        le=8,
        description="So many proxies stand before this application, each adding to X-Forwarded-For whom it answers; attempts to sign in "
        "are counted for that address.",
    )


class KeepSettings(BaseModel):
    """After how many days almoner db purge forgets what is over. What CDS Hooks keeps has a setting of its own, cds.keep_days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audit_days: int = Field(default=2_192, ge=30, description="The record of who saw and did what; six years if nothing else is said.")
    episode_days: int = Field(
        default=1_096, ge=30, description="Episodes of outreach and inbound referrals that are closed, with everything that was tried."
    )


class Settings(BaseSettings):
    """Settings of the application."""

    model_config = SettingsConfigDict(
        env_prefix="ALMONER_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    packs: Path = Field(BUILT_IN, description="A folder of rule packs, one pack, or one rule file.")
    state: Path = Field(Path("state"), description="Where sweeps are published.")
    database: str | None = Field(
        None, description="The URL of the database: postgresql+psycopg://USER@HOST/NAME; else SQLite, almoner.db in the folder of state."
    )
    as_of: date | None = Field(None, description="Evaluate as of this day instead of today; for demonstrations.")
    engine: Literal["reference", "durable", "verify"] = Field("verify", description="The engine that answers CDS Hooks calls.")
    host: str = Field("127.0.0.1", description="Address to listen on. The default accepts connections from this machine only.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 finds a free one.")
    public_url: str | None = Field(None, description="The address under which others reach this application: servers fetch our keys there.")
    open_metrics: bool = Field(
        False,
        description="Whether other machines than this one may read /metrics. It names rules and clients, and counts people.",
    )
    keys: Path = Field(Path("keys"), description="The folder of almoner keys, whose public halves are served at /.well-known/jwks.json.")
    servers: dict[str, ServerSettings] = Field({}, description="FHIR servers by name.")
    cds: CdsSettings = Field(CdsSettings(), description="The CDS Hooks service.")
    sweep: SweepSettings = Field(SweepSettings(), description="What must hold before almoner sweep publishes.")
    referrals: ReferralSettings = Field(ReferralSettings(), description="Referrals from conversations of outreach.")
    messages: MessageSettings = Field(MessageSettings(), description="Messages to people, and what carries them.")
    access: AccessSettings = Field(AccessSettings(), description="Who may look at the pages.")
    keep: KeepSettings = Field(KeepSettings(), description="After how many days almoner db purge forgets what is over.")
    playground: PlaygroundSettings = Field(PlaygroundSettings(), description="The page on which rules are written and tried.")

    @model_validator(mode="after")
    def _servers_are_known(self) -> Self:
        if self.referrals.server is not None and self.referrals.server not in self.servers:
            raise ValueError(f"referrals.server: no such server; there are: {', '.join(self.servers) or 'none'}")
        unknown = {name for each in self.referrals.platforms.items() for name in (each[0], each[1].to)} - self.servers.keys()
        if unknown:
            raise ValueError(f"referrals.platforms: no such server: {', '.join(sorted(unknown))}")
        return self

    @property
    def cds_key(self) -> str:
        """Where the key of the ledger is."""
        return self.cds.key or str(self.state / "ledger.key")

    @property
    def database_url(self) -> str:
        """Where the store is."""
        return self.database or f"sqlite:///{self.state / 'almoner.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed wins over the environment, the environment over the file."""
        file = os.environ.get("ALMONER_CONFIG")
        return (init_settings, env_settings, *([YamlConfigSettingsSource(settings_cls, file)] if file else []))

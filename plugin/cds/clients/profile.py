"""The form of a client profile, and the reader of its file."""

from functools import cache
from typing import Final, Literal

from pydantic import Field

from fhir_adapters.sourced import Data, Profile, ResourceType, names_in, read_in

_PACKAGE: Final = "plugin.cds.clients"
SelectionBehavior = Literal["at-most-one", "any"]


class Jwt(Data):
    """What the tokens of such a client look like."""

    algorithms: tuple[Literal["ES384", "RS384"], ...] = ("ES384", "RS384")
    leeway: int = Field(default=60, ge=0, le=300)
    """Seconds by which its clock may differ from ours."""
    issuer: str | None = None
    """``iss``, where every tenant has the same; ``None``: the client's settings say it."""
    jwks_url: str | None = None
    """Where its keys are, where every tenant has the same."""
    issuer_is: str = "as agreed with the client"
    """What ``iss`` stands for, for the analyst who looks it up."""
    subject_is: str | None = None
    """What ``sub`` stands for; ``None``: it is not used."""


class ClientProfile(Profile):
    """How one kind of client differs from what the specification lets one hope for."""

    version: Literal["2.0", "3.0"] = "2.0"
    """Of the specification; members of 3.0 are sent to none that is not known to take them."""
    hooks: tuple[str, ...] = ()
    """The hooks that it calls; empty: any."""
    null_means: Literal["empty", "unknown"] = "empty"
    """What ``null`` for a prefetch key says: nothing was found, or nothing is known."""
    prefetch_tokens: Literal["2.0", "3.0"] = "2.0"
    reads_discovery: bool = True
    """Whether it asks for the services; else an analyst types in what `setup_sheet` prints."""
    markdown: Literal["gfm", "plain", "html"] = "gfm"
    """What a card's detail is shown best as."""
    content_type: str | None = None
    """The extension of a card that says what its detail is; ``None``: there is none, or it is not needed."""
    max_cards: int | None = None
    max_suggestions: int | None = None
    """``0``: it shows none."""
    actions_per_suggestion: int | None = None
    shows_labels: bool = True
    """Whether the label of a suggestion is shown; else the description of its action is."""
    selection: tuple[SelectionBehavior, ...] = ("at-most-one", "any")
    creates: tuple[ResourceType, ...] = ()
    """Types that an action may create; empty: any."""
    order_codes: bool = False
    """Whether a ServiceRequest must carry the code of the site's own order catalogue (`ClientSettings.order_codes`)."""
    applies_actions: bool = True
    """Whether it carries out the actions of an accepted suggestion; else acceptance is a message to us and no more."""
    action_selection_behavior: bool = False
    system_actions: bool = False
    override_reasons: bool = True
    links: tuple[Literal["absolute", "smart"], ...] = ("absolute", "smart")
    app_context: bool = True
    """Whether a SMART link may carry ``appContext``."""
    topic_code: Literal["any", "alphanumeric"] = "any"
    """``alphanumeric``: letters and digits, at most 100, the same for ever."""
    feedback: Literal["none", "standard", "epic"] = "standard"
    jwt: Jwt | None = Jwt()
    """``None``: it sends no token of CDS Hooks."""


def known_profiles() -> list[str]:
    """Their names, sorted."""
    return list(names_in(_PACKAGE))


@cache
def profile(name: str) -> ClientProfile:
    """The profile called ``name``. Raises ``KeyError`` if there is none."""
    return ClientProfile.model_validate(read_in(_PACKAGE, name))

"""From the settings to the gateways."""

from collections.abc import Callable, Mapping
from typing import Final

from fhir_adapters.writeback import Outbox
from plugin.access.identity import secret_at
from plugin.cds.ledger.opening import OUTBOX_FILE
from plugin.errors import SettingsUnreadable
from plugin.messages.gateways.chart import Chart
from plugin.messages.gateways.folder import Folder
from plugin.messages.gateways.gateway import Gateway
from plugin.messages.gateways.smtp import Smtp
from plugin.referrals.words import HERE
from plugin.settings import Settings

_CHANNELS: Final = ("email", "sms", "letter", "portal")


def gateways(settings: Settings) -> dict[str, Gateway]:
    """Those that the settings name.

    Raises:
        SettingsUnreadable: messages go into charts, and there is no server.
        KeyUnusable: the password cannot be read.
    """
    makers: Mapping[str, Callable[[Settings], Gateway]] = {"smtp": _smtp, "files": _folder, "fhir": _chart}
    wanted = {settings.messages.by(channel) for channel in _CHANNELS}
    return {name: make(settings) for name, make in makers.items() if name in wanted}


def _smtp(settings: Settings) -> Smtp:
    own = settings.messages
    return Smtp(own.smtp, secret_at(own.smtp.password), own.sender)


def _folder(settings: Settings) -> Folder:
    return Folder(settings.messages.folder)


def _chart(settings: Settings) -> Chart:
    tenant = settings.referrals.tenant({name: server.tenant or name for name, server in settings.servers.items()})
    if tenant == HERE:
        raise SettingsUnreadable("messages.portal: there is no server into whose charts they could go: say servers, and referrals.server")
    return Chart(Outbox.at(settings.state / OUTBOX_FILE), tenant)

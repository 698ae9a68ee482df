"""Addresses to which people agreed to be written to, channel by channel. Nobody is written to by text message or e-mail without."""

import re
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Row, delete, select

from plugin.access import Entry, Right, Scope, record
from plugin.messages.words import CHANNELS
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import NoSuchEpisode
from plugin.outreach.telephone import comparable
from plugin.store.inserting import upsert
from plugin.store.tables.messages import ADDRESSES, MESSAGES
from plugin.store.tables.outreach import EPISODES, PEOPLE
from plugin.translations import marked
from rules.told import Told

_FORMS: Final = {
    "sms": re.compile(r"\+?[0-9][0-9 ()./-]{4,24}", re.ASCII),
    "email": re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+", re.ASCII),
}
"""The address of each channel for which one is asked."""
_NAMES: Final = {"sms": marked("text message"), "email": marked("e-mail")}
"""Those channels inside a sentence."""
_LONGEST: Final = 254
_SHOWN: Final = 4
"""Characters at the end of a number."""


def agree(connection: Connection, scope: Scope, episode: str, channel: str, address: str, at: datetime) -> None:
    """Keep that the person of an episode agreed to be written to at ``address``; empty: they do not, or no longer.

    Raises:
        NoSuchEpisode: there is none of that id.
        NotNow: that is no address of the channel.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REACH_OUT)
    patient = connection.scalar(select(EPISODES.c.patient).where(EPISODES.c.id == episode).with_for_update())
    if patient is None:
        raise NoSuchEpisode(episode)
    address = address.strip()
    if channel not in _FORMS or (address and not _is_one(channel, address)):
        raise NotNow(Told("that is no address that can be written to"))
    if address:
        number = comparable(address) if channel == "sms" else None
        row = {"patient": patient, "channel": channel, "address": address, "number": number, "since": at, "user": scope.user}
        statement = upsert(connection, ADDRESSES).values(row)
        news = {name: row[name] for name in ("address", "number", "since", "user")}
        connection.execute(statement.on_conflict_do_update(index_elements=["patient", "channel"], set_=news))
    else:
        connection.execute(delete(ADDRESSES).where(ADDRESSES.c.patient == patient, ADDRESSES.c.channel == channel))
    detail = {"channel": channel, "agreed": bool(address)}
    record(connection, scope, Entry("person.agree", f"episode/{episode}", patient, detail), at)


def _is_one(channel: str, address: str) -> bool:
    """Whether it is an address of the channel. One with ``=?`` could be read as an encoded word: as another address than staff saw."""
    return len(address) <= _LONGEST and "=?" not in address and _FORMS[channel].fullmatch(address) is not None


def agreed(connection: Connection, patient: str) -> dict[str, Row[tuple[object, ...]]]:
    """Channel → the address to which they agreed, since when, and whom they told."""
    return {row.channel: row for row in connection.execute(select(ADDRESSES).where(ADDRESSES.c.patient == patient))}


def missing(connection: Connection, patient: str, channel: str) -> str | None:
    """Why there is no address to which this may go, in words; ``None``: there is one, or the channel needs none."""
    if not CHANNELS[channel].agreed:
        return None
    found = agreed(connection, patient).get(channel)
    name = Told(_NAMES[channel])
    if found is None:
        return Told("they have not agreed to be written to by %(channel)s: ask, and note the address", channel=name)
    table = MESSAGES.c
    same = (table.patient == patient, table.channel == channel, table.address == found.address, table.ended.is_not(None))
    last = select(table.state, table.ended).where(*same).order_by(table.ended.desc()).limit(1)
    came_back = connection.execute(last).one_or_none()
    if came_back is not None and came_back.state == "failed" and came_back.ended >= found.since:
        return Told("the last %(channel)s to this address could not be delivered: ask, and note the address again", channel=name)
    return None


def is_shared(connection: Connection, patient: str, phone: str) -> bool:
    """Whether somebody else may pick up: the number is somebody else's too, however it is written, or none is known."""
    number = comparable(phone)
    if number is None:
        return True
    tables = (PEOPLE.c, ADDRESSES.c)
    others = (select(table.patient).where(table.patient != patient, table.number == number).limit(1) for table in tables)
    return any(connection.scalar(query) is not None for query in others)


def masked(address: str) -> str:
    """An address as pages show it to whoever sends: enough to see a mistake, too little to pass on."""
    name, at, host = address.rpartition("@")
    if at:
        return f"{name[:1]}•••@{host}"
    return f"•••{address[-_SHOWN:]}" if len(address) > _SHOWN else address

"""One episode with all that whoever works on it needs to know now: why, what was tried, and what stands against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from plugin.access import Right, Scope
from plugin.outreach import acting
from plugin.outreach.deciding import Held
from plugin.outreach.episodes import Whole, whole
from plugin.outreach.neighbours import Neighbour, neighbours
from plugin.outreach.words import CHANNELS
from plugin.referrals import consenting
from rules.document import Rule


@dataclass(frozen=True, slots=True)
class Looked:
    """An episode as it is at one moment."""

    whole: Whole
    held: tuple[Held, ...]
    """What stands against reaching or helping them, as far as it may be told."""
    objections: Mapping[str, str | None]
    """Channel → what stands against using it now; ``None``: nothing. Empty for whoever may not use any."""
    neighbours: Sequence[Neighbour]
    """The others at their address; see `plugin.outreach.neighbours`."""


def look(connection: Connection, scope: Scope, id: str, rules: Mapping[str, Rule], now: datetime) -> Looked:
    """One episode; that it was looked at is recorded. ``now`` has the zone of the site. Raises as `plugin.outreach.episodes.whole`."""
    found = whole(connection, scope, id, now)
    patient = found.episode.row.patient
    channels = CHANNELS if scope.may(Right.REACH_OUT) else ()
    untold = consenting.untold(scope, rules)
    return Looked(
        found,
        tuple(each for each in found.episode.held if each.scope not in untold),
        {channel: acting.objection(connection, scope, patient, channel, now) for channel in channels},
        neighbours(connection, scope, [patient], now.date()).get(patient, ()),
    )

"""The page of what became of cards, and the same as CSV. It reads the ledger and changes nothing."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request

from fhir_adapters.errors import KeyUnusable
from plugin.cds.analytics.counting import COLUMNS as LEDGER_COLUMNS
from plugin.cds.analytics.counting import (
    NO_REASON,
    NOBODY,
    NOT_KNOWN,
    SEVERAL,
    Choices,
    Question,
    by_column,
    by_group,
    by_reason,
    choices,
    held_back,
    steps_known,
)
from plugin.cds.analytics.funnel import ALL, COLUMNS, STAGES, FunnelRow, funnel, number, table
from plugin.cds.analytics.groups import GROUPS, NOT_RECORDED, SEXES, SweptGroups, spoken_name
from plugin.cds.analytics.period import Period, months, period_of
from plugin.cds.ledger import Ledger
from plugin.cds.ledger.handover import Handover
from plugin.cds.ledger.opening import handover
from plugin.cds.ledger.waiting import ORDERED
from plugin.cds.policy.alarms import open_alarms
from plugin.cds.policy.reviews import doubted_rules
from plugin.cds.texts import texts
from plugin.cds.views import cds
from plugin.errors import StoreError, UnknownServer
from plugin.runtime import runtime
from plugin.translations import LANGUAGES, gettext, language, marked, translated
from plugin.wording import day
from rules.suppression import Cell

blueprint: Final = Blueprint("analytics", __name__, url_prefix="/cds/analytics")
"""The key of the `Ledger` among the application's extensions."""
BY: Final = {
    "rule": marked("Rule"),
    "site": marked("Site"),
    "role": marked("Role of the user"),
    "sex": marked("Sex of the patient"),
    "age": marked("Age of the patient"),
    "language": marked("Language of the patient"),
}
NOT_SENT: Final = marked("not sent")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for; what has no meaning counts as not asked."""

    by: str
    rule: str
    client: str
    period: Period

    @property
    def arguments(self) -> dict[str, str]:
        """For a link to the same."""
        found = {"by": self.by, "rule": self.rule, "site": self.client, "from": self.period.first, "to": self.period.last}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything that the page tells."""

    rows: list[FunnelRow]
    reasons: list[tuple[str, str]]
    held: tuple[tuple[str, ...], list[tuple[str, Mapping[str, str]]]]

    @property
    def whole(self) -> FunnelRow | None:
        """The row of all."""
        return self.rows[-1] if self.rows else None


@blueprint.get("")
def page() -> Response:
    """The page."""
    now = datetime.now(UTC)
    try:
        ledger = _ledger()
        can = choices(ledger.store)
        asked = _asked(can, now)
        found = _found(ledger, asked, now)
        alarms, doubted = open_alarms(ledger.store), doubted_rules(ledger.store, runtime().packs)
    except (StoreError, KeyUnusable, UnknownServer) as wrong:
        title = gettext("The ledger cannot be read")
        return make_response(render_template("problem.html", title=title, text=str(wrong)), HTTPStatus.SERVICE_UNAVAILABLE)
    swept = runtime().published.current is not None
    titles = {rule.id.text: rule.title for pack in runtime().packs for rule in pack.document.rules}
    html = render_template(
        "analytics.html",
        asked=asked,
        by=BY,
        offered=[(name, gettext(text)) for name, text in BY.items() if swept or name in LEDGER_COLUMNS],
        month_names=[(month, day(month, language())) for month in months(can.first, now)],
        rules=[(rule, titles.get(rule, rule)) for rule in can.rules],
        sites=[(site, site) for site in can.clients],
        names=_names(asked.by, found, titles),
        number=number,
        held_names=_held_names(found),
        titles=titles,
        wording=_reasons(),
        swept=swept,
        of_people=asked.by in GROUPS,
        found=found,
        alarms=alarms,
        doubted=doubted,
        columns=COLUMNS,
        stages=_stages(found.whole),
        hours=runtime().settings.cds.ignored_after_hours,
    )
    return make_response(html)


@blueprint.get("/cards.csv")
def download() -> Response:
    """The numbers of the page as CSV, withheld as there."""
    ledger, now = _ledger(), datetime.now(UTC)
    asked = _asked(choices(ledger.store), now)
    found = _found(ledger, asked, now)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_safe(cell) for cell in line] for line in _lines(asked, found))
    response = make_response("\ufeff" + text.getvalue())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="cards-{asked.period.first}-{asked.period.last}-by-{asked.by}.csv"'
    return response


def _lines(asked: _Asked, found: _Found) -> Iterator[list[str]]:
    yield ["table", asked.by, *COLUMNS, "accepted of known %", "low %", "high %"]
    for row in found.rows:
        rate = [f"{100 * each:.1f}" for each in (row.rate.value, row.rate.low, row.rate.high)] if row.rate else ["", "", ""]
        yield ["cards", row.name, *(row.cells[column] for column in COLUMNS), *rate]
    yield from (["reason", name, count] for name, count in found.reasons)
    columns, rows = found.held
    yield from ([NOT_SENT, name, column, cells[column]] for name, cells in rows for column in columns)


def _safe(cell: str) -> str:
    """Text that came from outside is no formula, whatever opens the file."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _ledger() -> Ledger:
    return cds().ledger


def _asked(can: Choices, now: datetime) -> _Asked:
    given = request.args
    by = given.get("by", "rule")
    swept = runtime().published.current is not None
    return _Asked(
        by if by in LEDGER_COLUMNS or (by in GROUPS and swept) else "rule",
        given.get("rule", "") if given.get("rule") in can.rules else "",
        given.get("site", "") if given.get("site") in can.clients else "",
        period_of(given.get("from", ""), given.get("to", ""), now),
    )


def _found(ledger: Ledger, asked: _Asked, now: datetime) -> _Found:
    settings, store = runtime().settings, ledger.store
    goes_on: Handover = handover(settings, store)
    arrived = goes_on.arrived()
    known = now - timedelta(hours=settings.cds.ignored_after_hours)
    question = Question(asked.period.since, min(asked.period.until, known), asked.rule, asked.client, arrived)
    if asked.by in GROUPS:
        counts = by_group(store, question, SweptGroups(runtime().published, asked.by))
    else:
        counts = by_column(store, question, LEDGER_COLUMNS[asked.by])
    reasons = {Cell("overridden", reason): number for reason, number in by_reason(store, question).items()}
    columns, rows = table(reasons, "overridden")
    said = [(column, rows[0][1][column]) for column in columns[:-1]] if rows else []
    steps = steps_known(store) | ({ORDERED} if arrived else frozenset())
    return _Found(funnel(counts, steps), sorted(said, key=_most_first), table(held_back(store, question), NOT_SENT))


def _names(by: str, found: _Found, titles: Mapping[str, str]) -> dict[str, str]:
    """What the rows of the table are called, in the language of the page."""
    own = {row.name: spoken_name(row.name, language()) for row in found.rows} if by == "language" else {}
    words = {name: translated(name) for name in (ALL, NOBODY, NOT_KNOWN, NOT_RECORDED, *(SEXES if by == "sex" else ()))}
    return own | (dict(titles) if by == "rule" else {}) | words


def _held_names(found: _Found) -> dict[str, str]:
    """What the columns of cards that were not sent are called; a reason for which one was put aside as the card itself says it."""
    reasons = _reasons() if language() != LANGUAGES[0] else {}
    told = ((column, column.partition(":")[2]) for column in found.held[0])
    return {column: gettext("snoozed:%(reason)s", reason=reasons.get(why, why)) if why else translated(column) for column, why in told}


def _reasons() -> dict[str, str]:
    """Why a card was not followed, in words."""
    return {**texts(language()).reasons, **{each: translated(each) for each in (SEVERAL, NO_REASON)}}


def _most_first(row: tuple[str, str]) -> tuple[int, str]:
    return -(number(row[1]) or 0), row[0]


def _stages(whole: FunnelRow | None) -> list[dict[str, Any]]:
    """The bars of the funnel: each stage's text, and its part of all returned cards; no part where the number is not shown."""
    if whole is None:
        return []
    total = number(whole.cells[STAGES[0]])
    counts = {stage: number(whole.cells[stage]) for stage in STAGES}
    return [
        {"name": stage, "text": whole.cells[stage], "part": None if not total or counts[stage] is None else (counts[stage] or 0) / total}
        for stage in STAGES
    ]

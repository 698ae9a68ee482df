"""The pages of outreach: the list, one episode, and what staff do with them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from operator import itemgetter
from typing import Any, Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin.access import Entry, accounts, record
from plugin.access.web import access, scope
from plugin.findings.catalogue import patient_facts, rules_by_id
from plugin.findings.rows import Row, rows_of
from plugin.inbound.conversing import told_beside
from plugin.messages import reading as messages
from plugin.outreach import forms, saving, writing_out
from plugin.outreach.acting import Grip, NotNow
from plugin.outreach.asked import shown
from plugin.outreach.episodes import MOST, PAGE, SORTS, VIEWS, Episode, NoSuchEpisode, Wish, everybody, listed
from plugin.outreach.looking import look
from plugin.outreach.neighbours import neighbours
from plugin.outreach.words import ASKED, CHANNELS, ENDINGS, OUTCOMES, STANDS
from plugin.referrals.offering import helping
from plugin.runtime import runtime
from plugin.sweep.published import WorklistPerson
from plugin.translations import gettext, translated

blueprint: Final = Blueprint("outreach", __name__, url_prefix="/outreach")
blueprint.add_app_template_filter(shown, "reason")

_MOST_TEXT: Final = 200
_FILES: Final = {"csv": ("text/csv", writing_out.as_csv), "ndjson": ("application/x-ndjson", writing_out.as_ndjson)}


def site_now() -> datetime:
    """This moment by the clock of the site; on the day that the settings name, if they name one."""
    now = datetime.now(UTC).astimezone()
    day = runtime().settings.as_of
    return now.replace(year=day.year, month=day.month, day=day.day) if day else now


def wish_from(arguments: Mapping[str, str], text: str = "") -> Wish:
    """What an address asks for. Whatever has no meaning counts as not asked."""
    page = arguments.get("page", "")
    view, sort = arguments.get("view", ""), arguments.get("sort", "")
    return Wish(
        view=view if view in VIEWS else "ready",
        rule=arguments.get("rule", "")[:128],
        language=arguments.get("language", "")[:35],
        owner=arguments.get("owner", "")[:128],
        text=text[:_MOST_TEXT],
        sort=sort if sort in SORTS else "priority",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
    )


@blueprint.get("")
def page() -> Response:
    """One page of episodes, as filtered."""
    return listing(wish_from(request.args))


@blueprint.post("/search")
def search() -> Response:
    """Those whose name or id holds every word: posted, so that names stay out of addresses."""
    return listing(wish_from(request.form, request.form.get("text", "")))


def listing(wish: Wish, told: Sequence[str] = (), status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page of the list, with what is to be told above it."""
    now = site_now()
    with access().store.read() as connection:
        found = listed(connection, scope(), wish, now.date())
        names = accounts.names(connection, [episode.row.owner for episode in found.episodes])
        saved = saving.saved(connection, scope())
        homes = neighbours(connection, scope(), [episode.row.patient for episode in found.episodes], now.date())
    rules = sorted(
        ((rule.id.text, rule.title) for rule in rules_by_id(runtime().packs).values() if not rule.restricted), key=lambda r: r[1]
    )
    return make_response(
        render_template(
            "outreach.html",
            wish=wish,
            page=found,
            first=(found.number - 1) * PAGE + 1 if found.total else 0,
            views=VIEWS,
            sorts=SORTS,
            rules=sorted(rules, key=itemgetter(1)),
            told=told,
            names=names,
            together=forms.TOGETHER,
            saved=saved,
            homes=homes,
            shared_with=saving.SHARED_WITH,
            today=now.date(),
            me=scope().user,
            most=MOST,
            **_words(),
        ),
        status,
    )


def _words() -> dict[str, Any]:
    return {"channels": CHANNELS, "outcomes": OUTCOMES, "endings": ENDINGS, "stands": STANDS}


@blueprint.get("/<uuid:id>")
def episode(id: uuid.UUID) -> Response:
    """Everything about one conversation: why, what was tried, and what can be done now."""
    return _one(str(id))


def _one(id: str, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    now, rules = site_now(), rules_by_id(runtime().packs)
    with access().store.write(durable=False) as connection:
        try:
            looked = look(connection, scope(), id, rules, now)
        except NoSuchEpisode:
            return nobody()
        found = looked.whole
        names = accounts.names(connection, [found.episode.row.owner])
        beside = told_beside(connection, scope(), found.episode.row)
        sent = messages.of_person(connection, scope(), found.episode.row.patient)
    return make_response(
        render_template(
            "episode.html",
            whole=found,
            held=looked.held,
            names=names,
            shown=_as_row(found.episode),
            rules=rules,
            helping={why.rule: helping(why.rule, rules.values()) for why in found.episode.why if why.rule.startswith(ASKED)},
            objections=looked.objections,
            messages=sent,
            home=looked.neighbours,
            beside=beside,
            told=told,
            attempt=str(uuid.uuid4()),
            today=now.date(),
            **_words(),
        ),
        status,
    )


def nobody() -> Response:
    """The page for an episode that is not there, or not for whoever asked."""
    text = gettext("There is no such episode, or none that you may see.")
    return make_response(render_template("problem.html", title=gettext("Nobody stands here"), text=text), HTTPStatus.NOT_FOUND)


def _as_row(episode: Episode) -> Row:
    """As the pages of findings show a person."""
    row = episode.row
    named = {name: getattr(row, name) for name in ("name", "age", "sex", "language", "interpreter", "phone")}
    findings = tuple(
        {
            **{name: getattr(why, name) for name in ("rule", "level", "priority", "status")},
            "title": shown(why),
            "restricted": not why.rule,
            "next_flip": None,
            "reasons": why.evidence,
        }
        for why in episode.why
        if why.ended is None
    )
    (found,) = rows_of([(0, WorklistPerson(id=row.patient, **named, findings=findings))], patient_facts(runtime().packs))
    return found


@blueprint.post("/<uuid:id>/<verb>")
def act(id: uuid.UUID, verb: str) -> ResponseReturnValue:
    """Do something with an episode; then its page again. What cannot be done now is told, and changes nothing."""
    if verb not in forms.VERBS:
        return nobody()
    try:
        _do(verb, str(id), request.form)
    except NotNow as why:
        return _one(str(id), told=gettext("Nothing was changed: %(why)s.", why=translated(why)), status=HTTPStatus.CONFLICT)
    except NoSuchEpisode:
        return nobody()
    return redirect(url_for(".episode", id=id), HTTPStatus.SEE_OTHER)


def _do(verb: str, id: str, fields: Mapping[str, str], grip: Grip | None = None) -> None:
    with access().store.write() as connection:
        forms.VERBS[verb](forms.Deed(connection, scope(), grip or forms.grip(fields, id), fields, site_now()))


@blueprint.post("/together")
def together() -> ResponseReturnValue:
    """Do the same with every episode that was ticked; each by itself: one that cannot be changed keeps no other back."""
    verb = request.form.get("verb", "")
    wish = wish_from(request.form)
    chosen = request.form.getlist("chosen")[:PAGE]
    if verb not in forms.TOGETHER or not chosen:
        nothing = gettext("Nothing was changed: tick at least one person, and choose what to do.")
        return listing(wish, (nothing,), HTTPStatus.CONFLICT)
    failed: list[str] = []
    for each in chosen:
        id, _, version = each.partition(" ")
        try:
            _do(verb, id, request.form, forms.grip({"version": version}, id))
        except (NotNow, NoSuchEpisode) as why:
            failed.append(gettext("it is not there any more") if isinstance(why, NoSuchEpisode) else translated(why))
    done = gettext("%(done)s of %(chosen)s changed.", done=len(chosen) - len(failed), chosen=len(chosen))
    return listing(wish, (done, *(gettext("Not changed: %(why)s.", why=why) for why in dict.fromkeys(failed))))


@blueprint.get("/list.<kind>")
def export(kind: str) -> Response:
    """The list as a file, as filtered; that it was taken away is recorded."""
    if kind not in _FILES:
        return nobody()
    wish, now = wish_from(request.args), site_now()
    media, written = _FILES[kind]
    with access().store.read() as connection:
        episodes = list(everybody(connection, scope(), wish, now.date()))
    detail = {"view": wish.view, "rule": wish.rule, "people": len(episodes), "kind": kind}
    with access().store.write() as connection:
        record(connection, scope(), Entry("list.export", f"list/{wish.view}", detail=detail), now)
    response = make_response(written(episodes))
    response.headers["Content-Type"] = f"{media}; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="outreach-{now:%Y-%m-%d}.{kind}"'
    return response


def _fields(wish: Wish) -> dict[str, Any]:
    return {name: getattr(wish, name) for name in ("view", "rule", "language", "owner", "text", "sort")}


@blueprint.app_template_filter("but")
def but(wish: Wish, **changes: Any) -> dict[str, Any]:
    """The arguments of a link to the same list with ``changes``; the first page unless they name one. Never the searched text."""
    asked = {**_fields(wish), "page": 1, **changes}
    usual = {**_fields(Wish()), "page": 1}
    return {name: value for name, value in asked.items() if value != usual[name] and name != "text"}

"""The pages. They read what is published and change nothing."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from http import HTTPStatus
from operator import itemgetter
from typing import Any, Final

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined

from plugin.access.web import home_of, scope, seen
from plugin.findings.catalogue import patient_facts, rule_page, rules_by_id
from plugin.findings.index import SweepDamaged, SweepIndex, index_of, person_of_earlier_sweep
from plugin.findings.query import LEVEL_NAMES, NO_LANGUAGE, PAGE_SIZE, SORTS, VIEWS, counts, page_of, query_from
from plugin.findings.rows import Row, rows_of
from plugin.runtime import runtime
from plugin.translations import gettext, translated
from plugin.translations import language as page_language
from plugin.wording import language
from rules.grammar import LEVELS

blueprint: Final = Blueprint("findings", __name__)

_SWEEP: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_MAX_ROW: Final = 10**9
_MAX_SEARCH: Final = 200
"""Characters of a search; no name is longer."""

View = Callable[..., ResponseReturnValue]


@blueprint.record
def _prepare_templates(state: BlueprintSetupState) -> None:
    """A template that names what is not there fails, instead of saying nothing where a reason should stand."""
    state.app.jinja_env.undefined = StrictUndefined


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:
    return make_response(render_template(template, **values), status)


def _problem(status: HTTPStatus, title: str, text: str) -> Response:
    return _page("problem.html", status, title=title, text=text)


def _with_sweep(view: View) -> View:
    """Call ``view`` with the index of the current sweep; say what to do where there is none."""

    @wraps(view)
    def answer(**arguments: Any) -> ResponseReturnValue:
        folder = runtime().published.current
        if folder is None:
            return _page("empty.html")
        try:
            index = index_of(folder)
        except SweepDamaged as reason:
            current_app.logger.error("the current sweep cannot be shown: %s", reason)
            return _problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                gettext("The published list cannot be read"),
                gettext("Its files are not what its manifest says, so none of it is shown. Run the sweep again."),
            )
        return view(index, **arguments)

    return answer


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Where whoever comes begins."""
    return redirect(url_for(home_of(scope())), HTTPStatus.SEE_OTHER)


@blueprint.get("/findings")
@_with_sweep
def page(index: SweepIndex) -> Response:
    """One page of people, as filtered."""
    query = query_from(request.args)
    page = page_of(index, query)
    return _page(
        "findings.html",
        query=query,
        page=page,
        counts=counts(index),
        views=VIEWS,
        sorts=[(sort, translated(name)) for sort, name in SORTS.items()],
        levels=[(level, translated(LEVEL_NAMES[level])) for level in LEVELS],
        listed=sorted(((rule.id, rule.title) for rule in index.rules.values()), key=itemgetter(1)),
        languages=_languages(index),
        rows=_rows(index, page.rows),
        **_sweep(index),
    )


def _rows(index: SweepIndex, numbers: Iterable[int]) -> list[Row]:
    return list(rows_of(index.people(numbers), patient_facts(runtime().packs)))


def _sweep(index: SweepIndex) -> Mapping[str, Any]:
    return {"index": index, "manifest": index.manifest, "today": runtime().today().isoformat()}


def _languages(index: SweepIndex) -> list[tuple[str, str]]:
    """Code and name, in that of the page, of the languages on the list, by name; those without one last."""
    codes = {facets.language for facets in index.facets}
    named = sorted(((code, language(code, page_language())) for code in codes if code), key=lambda pair: pair[1])
    return [*named, (NO_LANGUAGE, gettext("not recorded"))] if None in codes else named


@blueprint.post("/search")
@_with_sweep
def search(index: SweepIndex) -> ResponseReturnValue:
    """Turn a name into row numbers: what was typed stays out of the address, and with that out of logs and histories."""
    rows = index.search(request.form.get("text", "")[:_MAX_SEARCH])
    shown = ".".join(map(str, rows[:PAGE_SIZE]))
    return redirect(url_for(".found", sweep=index.sweep, rows=shown, of=len(rows)), HTTPStatus.SEE_OTHER)


@blueprint.get("/found/<sweep>")
@_with_sweep
def found(index: SweepIndex, sweep: str) -> ResponseReturnValue:
    """The people whom a search found."""
    if sweep != index.sweep:
        return _problem(HTTPStatus.GONE, gettext("The list was renewed"), gettext("Search again to find the person on the current list."))
    parts = [part for part in request.args.get("rows", "").split(".") if part.isascii() and part.isdigit() and len(part) < 10]
    numbers = [row for row in dict.fromkeys(map(int, parts)) if row < len(index.offsets)][:PAGE_SIZE]
    total = request.args.get("of", type=int) or 0
    return _page("found.html", rows=_rows(index, numbers), total=max(total, len(numbers)), **_sweep(index))


@blueprint.get("/people/<sweep>/<int:row>")
@_with_sweep
def person(index: SweepIndex, sweep: str, row: int) -> ResponseReturnValue:
    """Everything that is known about why a person is on the list. An address of an earlier sweep leads to the same person now."""
    if sweep != index.sweep:
        return _person_now(index, sweep, row)
    if row >= len(index.offsets):
        return _problem(HTTPStatus.NOT_FOUND, gettext("Nobody stands here"), gettext("The list has no such row."))
    (shown,) = _rows(index, [row])
    seen(f"person/{shown.person.id}", shown.person.id)
    return _page("person.html", row=shown, rules=rules_by_id(runtime().packs), **_sweep(index))


def _person_now(index: SweepIndex, sweep: str, row: int) -> ResponseReturnValue:
    known = _SWEEP.fullmatch(sweep) and row < _MAX_ROW
    earlier = person_of_earlier_sweep(index.folder.parent / sweep, row) if known else None
    if earlier is None:
        return _problem(
            HTTPStatus.NOT_FOUND, gettext("Nobody stands here"), gettext("The address belongs to a list that is no longer kept.")
        )
    now = index.row_of(earlier.id)
    if now is None:
        text = gettext("The list was renewed, and nothing is to be done or asked about this person any more.")
        return _problem(HTTPStatus.GONE, gettext("No longer on the list"), text)
    return redirect(url_for(".person", sweep=index.sweep, row=now))


@blueprint.get("/rules")
def rules() -> Response:
    """Every rule, with what it found in the current sweep."""
    folder = runtime().published.current
    try:
        index = index_of(folder) if folder else None
    except SweepDamaged:
        index = None
    return _page("rules.html", packs=runtime().packs, found=index.manifest.get("findings_by_rule", {}) if index else {})


@blueprint.get("/rules/<rule_id>")
def rule(rule_id: str) -> Response:
    """Everything about one rule."""
    try:
        page = rule_page(runtime().packs, rule_id)
    except KeyError:
        return _problem(HTTPStatus.NOT_FOUND, gettext("No such rule"), gettext("No loaded pack has a rule of this name."))
    return _page("rule.html", page=page)

"""The pages of the playground. They store nothing: the text comes with each request, and only what came of it goes back.

A reader without JavaScript gets whole pages; a script that accepts JSON gets the pieces of the page that change.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, current_app, get_template_attribute, jsonify, make_response, render_template, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, ServiceUnavailable

from plugin.findings.rows import shown_finding
from plugin.playground.bench import Bench, BenchDefect, Busy, Refused
from plugin.playground.trial import Message, Trial
from plugin.runtime import runtime
from plugin.translations import gettext, translated
from rules.pack import Pack
from rules.schema import schema
from rules.told import Told

blueprint: Final = Blueprint("playground", __name__, url_prefix="/playground")

EXTENSION: Final = "almoner.playground"
MOST_BYTES: Final = 100_000
"""Of a rule's text; the longest rule that comes along has a twentieth of that."""
_MOST_ON_THE_WAY: Final = 8 * MOST_BYTES
"""A form writes one byte as up to three, and a line's end as six."""
CHECK_SECONDS: Final = 5.0
RUN_SECONDS: Final = 30.0
"""The first run of a process also makes up the people."""
NEW: Final = "new/"
"""Before the id of a pack: an empty rule in that pack."""
_TEMPLATE: Final = Path(__file__).parent / "new-rule.yaml"
_TOO_LARGE: Final = Told(
    "The text is larger than %(size)s kB. One rule needs far less: take something out, and check again.", size=MOST_BYTES // 1000
)


@blueprint.record
def _prepare(state: BlueprintSetupState) -> None:
    """Checks while somebody types never wait for somebody's run over people."""
    state.app.extensions[EXTENSION] = {"check": Bench(CHECK_SECONDS), "run": Bench(RUN_SECONDS)}


@blueprint.get("")
def page() -> Response:
    """The page with a shipped rule, or with a beginning of a new one."""
    packs = runtime().packs
    start = request.args.get("rule") or next((rule.id.text for pack in packs for rule in pack.document.rules), "")
    for pack in packs:
        if start == NEW + pack.document.id:
            return _page(pack, start, _TEMPLATE.read_text(encoding="utf-8"))
        if start in pack.program.rules:
            return _page(pack, start, Path(pack.rule(start).id.span.path).read_text(encoding="utf-8"))
    raise NotFound(gettext("No loaded pack has a rule of this name."))


@blueprint.get("/schema/<pack_id>")
def names(pack_id: str) -> Response:
    """The JSON Schema of a rule file with the names that the pack shares, for completion."""
    return jsonify(schema("rule", _shared_only(_pack(pack_id))))


@blueprint.post("/check")
def check() -> Response:
    """Mistakes, warnings, and the examples on the reference engine."""
    return _answer(0)


@blueprint.post("/run")
def run() -> Response:
    """As `check`, with every engine and the made-up people."""
    return _answer(runtime().settings.playground.people)


def _answer(people: int) -> Response:
    text, pack = _sent()
    trial = _trial(pack, text, people)
    if request.accept_mimetypes.best == "application/json":
        return jsonify({"messages": trial["messages"], "html": _pieces(trial)})
    return _page(pack, request.form.get("rule", ""), text, trial)


def _sent() -> tuple[str, Pack]:
    """The text and its pack: 413 if the text is too large, 404 if there is no such pack."""
    request.max_content_length = request.max_form_memory_size = _MOST_ON_THE_WAY
    try:
        text = request.form.get("text", "").replace("\r\n", "\n")
    except RequestEntityTooLarge:
        raise RequestEntityTooLarge(translated(_TOO_LARGE)) from None
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise RequestEntityTooLarge(translated(_TOO_LARGE))
    return text, _pack(request.form.get("pack", ""))


def _trial(pack: Pack, text: str, people: int) -> Mapping[str, Any]:
    bench: Bench = current_app.extensions[EXTENSION]["run" if people else "check"]
    try:
        return bench.trial(pack.path, text, runtime().today(), people)
    except Refused as reason:
        return asdict(Trial(loads=False, messages=(Message(1, 1, "error", "", translated(reason)),)))
    except Busy:
        raise ServiceUnavailable(gettext("Others are trying rules at this moment. Try again in a few seconds.")) from None
    except BenchDefect as defect:
        current_app.logger.error("the playground failed: %s", defect)
        raise


def _pack(pack_id: str) -> Pack:
    for pack in runtime().packs:
        if pack.document.id == pack_id:
            return pack
    raise NotFound(gettext("No such pack is loaded."))


def _shared_only(pack: Pack) -> Pack:
    """The pack without its rules: their own names mean nothing in another rule."""
    return replace(pack, document=replace(pack.document, rules=()))


# ---------------------------------------------------------------- what is shown


def _page(pack: Pack, start: str, text: str, trial: Mapping[str, Any] | None = None) -> Response:
    return make_response(
        render_template(
            "playground.html",
            packs=runtime().packs,
            pack=pack.document,
            start=start,
            new=NEW,
            text=text,
            people=runtime().settings.playground.people,
            pieces=_pieces(trial) if trial else {},
            schema=url_for(".names", pack_id=pack.document.id),
        )
    )


def _pieces(trial: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the page that say what came of a draft, as HTML. No ``reach`` if nobody was asked about."""
    found = {name: _macro(name)(trial) for name in ("verdict", "examples")}
    return found | ({"reach": _macro("reach")(trial["reach"], _groups(trial))} if trial["reach"] else {})


def _macro(name: str) -> Any:
    return get_template_attribute("playground_pieces.html", name)


def _groups(trial: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Answer → the groups of people, their reasons in words."""
    return {
        answer: [group | {"finding": shown_finding(group["finding"], trial["patient_facts"])} for group in groups]
        for answer, groups in trial["reach"]["groups"].items()
    }

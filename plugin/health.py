"""Is the process alive, and can it do its work? For orchestrators and people; no data about patients."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, make_response
from sqlalchemy.exc import SQLAlchemyError

from plugin.cds.canaries.comparing import last_runs
from plugin.cds.views import cds
from plugin.runtime import runtime
from plugin.sweep.published import Published

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> Response:
    """The process answers."""
    return jsonify({"status": "live"})


@blueprint.get("/ready")
def ready() -> Response:
    """Rules are loaded; 503 if not. A missing or old sweep is told, but does not stop the bedside service."""
    serving = runtime()
    body = {
        "status": "ready" if serving.packs else "not ready: no rule packs are loaded",
        "packs": len(serving.packs),
        "rules": sum(len(pack.program.rules) for pack in serving.packs),
        "engine": serving.engine.name,
        "engine_note": serving.engine_note,
        "sweep": _sweep(serving.published),
        "canaries": _canaries(),
    }
    return make_response(jsonify(body), 200 if serving.packs else 503)


def _canaries() -> list[dict[str, Any]]:
    """How long ago made-up people were last sent for each client, and how much differed. Told, and no reason to refuse the bedside."""
    now = datetime.now(UTC)
    try:
        return [
            {"client": each.client, "age_hours": round((now - each.at).total_seconds() / 3600, 1), "differ": len(each.problems)}
            for each in last_runs(cds().ledger.store)
        ]
    except SQLAlchemyError:
        return [{"problem": "the database cannot be read"}]


def _sweep(published: Published) -> dict[str, Any] | None:
    """As of which day, and how long ago it was published; ``None`` before the first sweep."""
    try:
        manifest = published.manifest()
        if manifest is None:
            return None
        age = datetime.now(UTC) - datetime.fromisoformat(manifest["published"])
        return {"as_of": manifest["as_of"], "age_hours": round(age.total_seconds() / 3600, 1)}
    except (OSError, ValueError, KeyError, TypeError):
        return {"problem": "the published sweep cannot be read"}

"""Messages over the API: looked at to the letter, with what stands against them, and sent as they were seen."""

from typing import Any

from flask import Flask
from sqlalchemy import func, select
from support.api import Program, program

from plugin.access import Role, verify
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.messages import MESSAGES

NOWHERE = "/conversations/00000000-0000-0000-0000-000000000001/message"


def path_of(staff: Program, name: str = "Ann Lee") -> str:
    found = staff.read("/conversations")["items"]
    return f"/conversations/{next(each['id'] for each in found if each['name'] == name)}"


def chosen(draft: dict[str, Any]) -> dict[str, Any]:
    return {name: draft[name] for name in ("topic", "channel", "language", "level", "seen")}


def sent(store: Store) -> int:
    with store.read() as connection:
        assert verify(connection) > 0
        return int(connection.scalar(select(func.count()).select_from(MESSAGES)) or 0)


def test_what_was_looked_at_is_sent_once(staff: Program, store: Store) -> None:
    path = path_of(staff)
    answer = staff.get(f"{path}/message?channel=letter")
    draft = answer.json
    assert draft is not None
    assert (draft["language"], draft["why_not"]) == ("es", None)
    assert "Ann Lee" in draft["text"]
    assert staff.get(f"{path}/message?channel=letter", If_None_Match=answer.headers["ETag"]).status_code == 304
    done = staff.do(f"{path}/message/send", draft["version"], chosen(draft), key="one")
    assert done.json is not None, done.text
    assert staff.do(f"{path}/message/send", draft["version"], chosen(draft), key="one").json == done.json
    assert sent(store) == 1
    after = staff.read(path)
    assert after["version"] == done.json["version"] > draft["version"]
    assert [(each["id"], each["channel"], each["topic"]) for each in after["messages"]] == [
        (done.json["message"], "letter", draft["topic"])
    ]
    with store.read() as connection:
        assert {"episode.see", "message.send"} <= set(connection.scalars(select(AUDIT.c.action)))


def test_what_stands_against_it_is_told_and_looked_up_again(staff: Program, store: Store) -> None:
    path = path_of(staff)
    draft = staff.read(f"{path}/message?channel=letter")
    assert staff.do(f"{path}/message/send", draft["version"] + 1, chosen(draft)).status_code == 412
    assert staff.do(f"{path}/message/send", draft["version"], {**chosen(draft), "seen": "another"}).status_code == 409
    assert staff.do(f"{path}/message/send", draft["version"], {**chosen(draft), "topic": "nothing"}).status_code == 400
    assert staff.do(f"{path}/message/send", draft["version"], {"seen": draft["seen"]}).status_code == 400
    assert staff.do(f"{path}/wishes/restrict", draft["version"], {"what": "letter"}).status_code == 200
    refused = staff.do(f"{path}/message/send", draft["version"], chosen(draft))
    assert refused.status_code == 409
    assert staff.read(f"{path}/message?channel=letter")["why_not"] in refused.text
    assert sent(store) == 0


def test_a_script_is_looked_at_and_not_sent(staff: Program, store: Store) -> None:
    path = path_of(staff)
    script = staff.read(f"{path}/message?channel=phone&language=en&level=easy")
    assert (script["language"], script["level"]) == ("en", "easy")
    assert staff.do(f"{path}/message/send", script["version"], chosen(script)).status_code == 409
    assert sent(store) == 0


def test_what_has_no_meaning_or_is_not_there(app: Flask, staff: Program) -> None:
    path = path_of(staff)
    for query in ("channel=pigeon", "language=xx", "level=hard", "topic=nothing", "seen=x"):
        assert staff.get(f"{path}/message?{query}").status_code == 400
    assert staff.get(NOWHERE).status_code == 404
    body = {"topic": "neutral", "channel": "letter", "language": "en", "level": "plain", "seen": "x"}
    assert staff.do(f"{NOWHERE}/send", 1, body).status_code == 404
    assert program(app, Role.ANALYST).get(f"{path}/message").status_code == 403

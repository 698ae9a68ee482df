"""Who waits for whom on PostgreSQL: whoever sends a message takes the conversation before the end of the record, as everybody does."""

import html
import re
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import select
from support.access import store_of
from support.databases import Templates, until_somebody_waits
from support.messages import desk_at
from support.worklist import application

from plugin.store import open_store
from plugin.store.tables.access import AUDIT_HEAD
from plugin.store.tables.outreach import EPISODES


def test_whoever_sends_waits_for_the_episode_before_taking_the_end_of_the_record(
    templates: Templates, postgresql_server: str, tmp_path: Path
) -> None:
    with templates.postgresql(postgresql_server) as url, closing(open_store(url)) as store:
        desk = desk_at(store, tmp_path)
        there = f"/outreach/{desk.whole('c').episode.id}/message"
        app = application(tmp_path / "state", database=url)
        client = app.test_client()
        page = client.get(f"{there}?channel=letter").text
        (form,) = re.findall(r'<form[^>]*aria-label="Send">(.*?)</form>', page, re.DOTALL)
        fields = {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}
        answers: list[int] = []
        sender = threading.Thread(target=lambda: answers.append(client.post(there, data=fields).status_code))
        with store.write() as sweep:
            sweep.execute(select(EPISODES).where(EPISODES.c.patient == "c").with_for_update())
            sender.start()
            until_somebody_waits(store)
            assert sweep.execute(select(AUDIT_HEAD).with_for_update(nowait=True)).one()
        sender.join(20)
        assert answers == [303]
        assert desk.message(fields["message"]).state == "sent"
        store_of(app).close()

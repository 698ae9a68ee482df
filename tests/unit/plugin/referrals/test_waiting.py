"""Who waits for whom on PostgreSQL: a sweep and a referral take the same things in the same order, so neither waits for ever."""

import threading
from contextlib import closing

from sqlalchemy import select
from support.databases import Templates, until_somebody_waits
from support.referrals import CARE, NOON, consent, episode, grip, proposal, stored

from plugin.referrals.acting import send
from plugin.referrals.proposing import propose
from plugin.store import open_store
from plugin.store.tables.access import AUDIT_HEAD
from plugin.store.tables.outreach import EPISODES


def test_whoever_sends_waits_for_the_episode_before_taking_the_end_of_the_record(templates: Templates, postgresql_server: str) -> None:
    with templates.postgresql(postgresql_server) as url, closing(open_store(url)) as store:
        talk = episode(store)
        wish = proposal(origin_id=talk)
        with store.write() as connection:
            consent(connection)
            propose(connection, CARE, wish, NOON)
        seen = grip(store, wish.id)

        def sending() -> None:
            with store.write() as connection:
                send(connection, CARE, seen, NOON)

        sender = threading.Thread(target=sending)
        with store.write() as sweep:
            sweep.execute(select(EPISODES).where(EPISODES.c.id == talk).with_for_update())
            sender.start()
            until_somebody_waits(store)
            assert sweep.execute(select(AUDIT_HEAD).with_for_update(nowait=True)).one()
        sender.join(20)
        assert stored(store, wish.id).state == "requested"

"""What the first call would have to wait for, done before it comes: rule sets are built, engines started, models of resources made."""

import logging

from plugin.cds.clients.client import Client
from plugin.cds.compiler import compile_card
from plugin.cds.opening import Cds
from plugin.cds.preview.people import advice_about_example, examples
from plugin.cds.validate import response_problems
from plugin.runtime import Runtime
from rules.errors import EngineError
from rules.facts import Person, PersonRecord

LOG = logging.getLogger(__name__)


def warm_up(cds: Cds, runtime: Runtime) -> None:
    """Evaluate nobody with the rules of each service, and make one card for each kind of client. Nothing is written anywhere."""
    nobody = PersonRecord(Person("nobody"), ())
    for service in cds.services:
        for pack in service.packs:
            try:
                list(runtime.engine.evaluate(pack.program, [nobody], runtime.today()))
            except EngineError as error:
                LOG.warning("engine_not_warm engine=%s reason=%s", runtime.engine.name, type(error).__name__)
    for client in {client.profile.name: client for client in cds.clients}.values():
        _make_card(client, runtime)


def _make_card(client: Client, runtime: Runtime) -> None:
    for rule in examples(runtime.packs):
        if advice := advice_about_example(runtime.packs, rule):
            response_problems({"cards": [compile_card(advice, client, lambda: "x").card]})
            return

"""``almoner outbox``: what is to be written to EHRs, and how far it came."""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from fhir_adapters import FhirServer
from fhir_adapters.smart.scopes import WRITE
from fhir_adapters.transport import Given
from fhir_adapters.vendors import GENERIC, Vendor
from fhir_adapters.writeback import Claim, Outbox, Policy, Preview, Report, State
from plugin.cli import options
from plugin.messages.withholding import Withholding as OfMessages
from plugin.referrals.withholding import Withholding as OfReferrals
from plugin.servers.opening import connection, open_for
from plugin.store import Store, open_store
from plugin.store.versions import ready
from rules.errors import ExitCode

_F = TypeVar("_F", bound=Callable[..., Any])
_OVERDUE: Final = 24 * 3600
_USUAL: Final = Policy("usual")


def _outbox(function: _F) -> _F:
    return click.option(
        "--outbox",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("state/outbox.sqlite"),
        show_default=True,
        help="The file of the outbox.",
    )(function)


def _tenant(function: _F) -> _F:
    return click.option("--tenant", help="As in our identifiers (urn:almoner:TENANT); else the settings'.")(function)


def _server(function: _F) -> _F:
    function = click.option("--server", required=True, metavar="NAME|URL", help="A FHIR server of the settings, or the base URL of one.")(
        function
    )
    return click.option(
        "--token-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file that holds a bearer token for the server.",
    )(function)


@click.group(name="outbox")
def command() -> None:
    """Look after what is to be written to EHRs. Nothing is sent without --commit."""


@command.command(name="list")
@_outbox
@click.option("--tenant", help="Of this connection only.")
@click.option("--all", "everything", is_flag=True, help="Also what was sent and confirmed.")
@click.pass_context
def list_(context: click.Context, path: Path, tenant: str | None, everything: bool) -> None:
    """What waits, what a person must look at, and why: no contents. Exits with 1 if there is something to look at.

    A person must look at what is parked, at duplicates, and at what has waited for more than a day (overdue).
    """
    rows, now = Outbox.at(path).ledger.rows(tenant), time.time()
    pressing = 0
    for row in rows:
        overdue = row.state in (State.PENDING, State.SENDING) and now - row.added > _OVERDUE
        pressing += overdue or row.state is State.PARKED or bool(row.duplicates)
        if everything or row.duplicates or row.state not in (State.SENT, State.CONFIRMED):
            notes = [row.reason, "overdue" if overdue else None, *(f"duplicate {place}" for place in row.duplicates)]
            noted = ", ".join(filter(None, notes))
            click.echo(f"{row.id}  {row.state:<9}  {row.tenant}  {row.type}  {row.rule}  {row.attempts} tried  {noted}".rstrip())
    counts = ", ".join(f"{sum(row.state is state for row in rows)} {state}" for state in State)
    click.echo(f"{path}: {counts}", err=True)
    if pressing:
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="deliver")
@_outbox
@_tenant
@_server
@click.option("--write", multiple=True, metavar="TYPE", help="A resource type that may be written, such as Task. Repeatable.")
@click.option("--per-run", default=_USUAL.per_run, show_default=True, help="At most so many writes of one run; the rest is parked.")
@click.option("--per-patient", default=_USUAL.per_patient, show_default=True, help="At most so many for one patient in 30 days.")
@click.option("--commit", is_flag=True, help="Send. Without it, what would be sent is shown.")
@click.option("--json", "as_json", is_flag=True, help="Without --commit: print the transaction Bundle instead of the differences.")
@click.pass_context
def deliver(
    context: click.Context,
    path: Path,
    tenant: str | None,
    server: str,
    token_file: Path | None,
    write: tuple[str, ...],
    per_run: int,
    per_patient: int,
    commit: bool,
    as_json: bool,
) -> None:
    """Send what is due, or show it: then the output holds what is on record about patients.

    Whether a message to somebody, or a referral, may go still is looked up right before.

    Exits with 1 if something was parked or stands on the server twice, with 4 if the server failed.
    """
    site = _site(server, tenant, token_file, write)
    policy = Policy(site.tenant, site.write, per_run=per_run, per_patient=per_patient)
    with ExitStack() as opened:
        store = cache(lambda: opened.enter_context(closing(ready(open_store(options.settings(None).database_url)))))
        gate = _gate(store, site.tenant, only_looks=not commit)
        found = Outbox.at(path).deliver(site.server, policy, vendor=site.vendor, gate=gate, commit=commit)
    if isinstance(found, Preview):
        click.echo(found.bundle if as_json else "\n".join(found.lines))
        click.echo("nothing was sent: that needs --commit", err=True)
        return
    _tell(found)
    if found.ended is not None:
        context.exit(ExitCode.SERVER_FAILED if found.ended == "the server fails" else ExitCode.ANSWER_IS_NO)
    if found.duplicates or found.count(State.PARKED):
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="retry")
@_outbox
@click.argument("ids", nargs=-1, required=True)
@click.pass_context
def retry(context: click.Context, path: Path, ids: tuple[str, ...]) -> None:
    """Have parked writes sent again, once a person has looked. Exits with 1 if one of IDS is not parked, or not here."""
    outbox = Outbox.at(path)
    refused = [id for id in ids if not outbox.ledger.retry(id)]
    for id in refused:
        click.echo(f"{id}: not parked, or its contents are no longer here")
    if refused:
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="reconcile")
@_outbox
@_tenant
@_server
@click.pass_context
def reconcile(context: click.Context, path: Path, tenant: str | None, server: str, token_file: Path | None) -> None:
    """Count on the server what was sent to it. Exits with 1 if something stands there twice or not at all, with 4 if it failed."""
    site = _site(server, tenant, token_file)
    found = Outbox.at(path).reconcile(site.server, site.tenant)
    click.echo(f"{found.confirmed} confirmed, {found.duplicated} more than once, {found.missing} missing, {found.failed} not answered")
    if found.failed:
        context.exit(ExitCode.SERVER_FAILED)
    if found.duplicated or found.missing:
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="stop")
@_outbox
@_tenant
@click.option("--reason", default="by the operator", show_default=True, help="Shown to whoever tries to deliver.")
def stop(path: Path, tenant: str, reason: str) -> None:
    """Send nothing more to this connection, in any process, from the next request on."""
    Outbox.at(path).ledger.stop(tenant, reason)


@command.command(name="resume")
@_outbox
@_tenant
def resume(path: Path, tenant: str) -> None:
    """Undo stop."""
    Outbox.at(path).ledger.resume(tenant)


@dataclass(frozen=True, slots=True)
class _Site:
    """Where to, in whose name, and what may be written there."""

    server: FhirServer
    tenant: str
    write: frozenset[str]
    vendor: Vendor = GENERIC


def _site(name: str, tenant: str | None, token_file: Path | None, write: Collection[str] = ()) -> _Site:
    """A server of the settings may be written to as far as its ``write:`` says; of that, ``write`` if it names some."""
    if name.startswith(("http://", "https://")):
        if tenant is None:
            raise click.UsageError("an address alone does not say whose it is: --tenant")
        token = token_file.read_text(encoding="utf-8").strip() if token_file else None
        return _Site(FhirServer(name, authority=Given(lambda: token) if token else None), tenant, frozenset(write))
    found = options.settings(None)
    allowed = frozenset(connection(found, name).write)
    if refused := sorted(set(write) - allowed):
        raise click.UsageError(f"the settings do not allow {', '.join(refused)} to be written to {name}")
    kinds = frozenset(write) or allowed
    done = dict.fromkeys((*kinds, *(["Provenance"] if kinds else ())), WRITE)
    opened = open_for(found, name, done)
    return _Site(opened.server, tenant or opened.connection.tenant, kinds, opened.vendor)


def _gate(store: Callable[[], Store], tenant: str, *, only_looks: bool) -> Callable[[Claim], str | None]:
    """What may stand against a write by now; of each kind its own part knows."""
    asked = [each(store, tenant, lambda: datetime.now(UTC).astimezone(), only_looks) for each in (OfMessages, OfReferrals)]
    return lambda claim: next(filter(None, (gate(claim) for gate in asked)), None)


def _tell(report: Report) -> None:
    for (state, reason), number in sorted(report.settled.items(), key=str):
        click.echo(f"{number} {state}{f': {reason}' if reason else ''}")
    for refusal in sorted(report.refused):
        click.echo(f"not-taken: {refusal}")
    if report.duplicates:
        click.echo(f"{report.duplicates} duplicates on the server: almoner outbox list names them")
    if report.ended is not None:
        click.echo(f"ended early: {report.ended}")

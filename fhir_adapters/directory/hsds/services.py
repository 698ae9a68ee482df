"""Rows of HSDS, put together into services."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

from fhir_adapters.directory.areas import Area, named
from fhir_adapters.directory.hsds.cells import day, number, text
from fhir_adapters.directory.hsds.parts import capacities, contacts, distinct, languages, location, organization, programs, terms
from fhir_adapters.directory.hsds.rows import Row, Tables
from fhir_adapters.directory.hsds.schedules import schedule
from fhir_adapters.directory.model import Contact, Cost, Identifier, Service
from fhir_adapters.quarantine import Reason

URI: Final = "urn:ietf:rfc:3986"
STATUSES: Final = frozenset({"active", "inactive", "defunct", "temporarily closed"})
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}", re.ASCII)
_OLDEST: Final = 150.0
_MOST: Final = 1e9


def services(tables: Tables) -> Iterator[Service]:
    """Every service, once all rows are settled."""
    return (_service(row, tables) for row in tables.of("service"))


def _service(row: Row, tables: Tables) -> Service:
    reading = tables.reading(row)
    owner = tables.one("organization", row)
    if owner is None:
        reading.bad("organization_id", Reason.DANGLING)
    sites = tables.children("service_at_location", row)
    schedules = {each.id: each for holder in (row, *sites) for each in tables.children("schedule", holder)}
    places = {place.id: place for site in sites if (place := tables.one("location", site)) is not None}.values()
    status = text(row, "status")
    if status is not None and status.lower() not in STATUSES:
        reading.bad("status", Reason.NOT_IN_BINDING)
        status = None
    assured, changed = day(row, "assured_date", reading), _changed(row, tables)
    return Service(
        key=f"{tables.source}#service/{row.id}",
        name=text(row, "name") or "",
        organization=None if owner is None else tables.once(organization, owner),
        identifiers=_identifiers(row),
        status=None if status is None else status.lower(),
        description=text(row, "description"),
        alert=text(row, "alert"),
        terms=terms(row, tables),
        programs=programs(row, tables),
        locations=tuple(tables.once(location, place) for place in places),
        areas=tuple(area for each in (row, *sites) for area in _areas(each, tables)),
        languages=languages(row, tables),
        interpretation=text(row, "interpretation_services"),
        minimum_age=number(row, "minimum_age", reading, 0, _OLDEST),
        maximum_age=number(row, "maximum_age", reading, 0, _OLDEST),
        eligibility=_words(row, tables, "eligibility_description", "eligibility", "eligibility"),
        costs=tuple(_costs(row, tables)),
        documents=_words(row, tables, "", "required_document", "document"),
        application=text(row, "application_process"),
        capacity=tuple(capacities(row, tables)),
        waiting=text(row, "wait_time"),
        hours=tuple(tables.once(schedule, each) for each in schedules.values()),
        contacts=_service_contacts(row, sites, tables),
        assured=assured,
        updated=changed,
    )


def _identifiers(row: Row) -> tuple[Identifier, ...]:
    """A UUID identifies the service wherever it is listed; any other id only within its source."""
    try:
        return (Identifier(URI, UUID(row.id).urn),)
    except ValueError:
        return ()


def _changed(row: Row, tables: Tables) -> date | None:
    """When the row was last changed: as it says itself, else by the latest entry of the metadata about it."""
    stated = day(row, "last_modified", tables.reading(row))
    if stated is not None:
        return stated
    entries = [entry for entry in tables.children("metadata", row) if text(entry, "resource_type") in (None, "service")]
    days = (day(entry, "last_action_date", tables.reading(entry)) for entry in entries)
    return max((each for each in days if each is not None), default=None)


def _areas(row: Row, tables: Tables) -> Iterator[Area]:
    for area in tables.children("service_area", row):
        kind, extent, name = (text(area, "extent_type") or "").lower(), text(area, "extent"), text(area, "name")
        if extent is not None and kind in ("", "text"):
            yield from named(extent)
        elif extent is not None:
            yield Area("outline", name or kind)
        if name is not None:
            yield from named(name)


def _words(row: Row, tables: Tables, own: str, table: str, name: str) -> tuple[str, ...]:
    """What a field of the service says, and the same field of each row of a table."""
    found = [text(row, own)] if own else []
    found += [text(each, name) for each in tables.children(table, row)]
    return tuple(dict.fromkeys(filter(None, found)))


def _costs(row: Row, tables: Tables) -> Iterator[Cost]:
    for words in dict.fromkeys(filter(None, (text(row, "fees_description"), text(row, "fees")))):
        yield Cost(words)
    for option in tables.children("cost_option", row):
        reading = tables.reading(option)
        currency = text(option, "currency")
        if currency is not None and not _CURRENCY.fullmatch(currency):
            reading.bad("currency", Reason.NOT_IN_BINDING)
            currency = None
        condition = ", ".join(filter(None, (text(option, "option"), text(option, "amount_description")))) or None
        valid = day(option, "valid_from", reading), day(option, "valid_to", reading)
        yield Cost(condition, number(option, "amount", reading, 0, _MOST), currency.upper() if currency else None, *valid)
    for payment in tables.children("payment_accepted", row):
        if (accepted := text(payment, "payment")) is not None:
            yield Cost(f"accepted: {accepted}")


def _service_contacts(row: Row, sites: list[Row], tables: Tables) -> tuple[Contact, ...]:
    own = [contact for each in (row, *sites) for contact in contacts(each, tables)]
    own += [Contact(system, value) for system, name in (("email", "email"), ("url", "url")) if (value := text(row, name)) is not None]
    return distinct(own)

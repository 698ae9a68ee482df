"""Telephone numbers are compared by their last digits, however they are written."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_KEPT = (("outreach_people", "phone", ("patient",)), ("message_addresses", "address", ("patient", "channel")))
"""Table, the column from which the number follows, and the key."""
_COMMENTS = {
    "outreach_people": "the last digits of the phone, by which numbers are compared; null: none",
    "message_addresses": "the last digits of a telephone, by which numbers are compared; null: it is none",
}


def upgrade() -> None:
    """Add the columns, and fill them."""
    for name, source, key in _KEPT:
        op.add_column(name, sa.Column("number", sa.String(9), comment=_COMMENTS[name]))
        op.create_index(f"ix_{name}_number", name, ["number"])
        _fill(sa.table(name, *map(sa.column, (*key, source, "number"))), source, key)


def _fill(table: sa.TableClause, source: str, key: tuple[str, ...]) -> None:
    connection = op.get_bind()
    told = [table.c.channel == "sms"] if "channel" in key else []
    rows = connection.execute(sa.select(*(table.c[name] for name in key), table.c[source]).where(*told)).all()
    same = [table.c[name] == sa.bindparam(f"its_{name}") for name in key]
    change = sa.update(table).where(*same).values(number=sa.bindparam("digits"))
    if found := [{**{f"its_{name}": value for name, value in zip(key, row[:-1], strict=True)}, "digits": _digits(row[-1])} for row in rows]:
        connection.execute(change, found)


def _digits(phone: str) -> str | None:
    found = re.search(r"[0-9][^A-Za-z,;#]*", phone)
    return re.sub(r"[^0-9]", "", found[0])[-9:] if found else None


def downgrade() -> None:
    """Drop them, in place: what refers to people stays."""
    for name, _, _ in _KEPT:
        op.drop_index(f"ix_{name}_number", name)
        op.drop_column(name, "number")

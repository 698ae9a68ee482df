"""The lease of sweeps: who may publish."""

from typing import Final

from sqlalchemy import BigInteger, Column, String, Table

from plugin.store.tables.base import METADATA, Moment

LEASE: Final = Table(
    "sweep_lease",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("token", BigInteger, nullable=False, comment="one more than that of the holder before; whoever has another one is too late"),
    Column("holder", String(255), nullable=False, comment="the machine"),
    Column("until", Moment, nullable=False, comment="the holder says so again before then, or another machine may take over"),
)

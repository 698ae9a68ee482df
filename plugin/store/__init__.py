"""What the application remembers between requests: SQLite beside the program, or PostgreSQL.

`Store` is the door; the tables are in `tables`, one module per part; ``plugin/migrations`` makes them.
"""

from plugin.store.store import Store, open_store

__all__ = ["Store", "open_store"]

"""Each token is good for one call: those seen are remembered in the store, for all workers and threads alike."""

import logging
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from plugin.cds.trust.reasons import Reason, Unauthorized
from plugin.store import Store
from plugin.store.tables import SEEN_TOKENS

LOG = logging.getLogger(__name__)

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""A token is remembered for so long after its end: the clocks of machines that share a store may differ."""
_PURGE_EVERY: Final = timedelta(minutes=1)
_TAKE: Final = insert(SEEN_TOKENS)


class SeenTokens:
    """The memory of tokens. Their ids are kept as hashes, for no longer than they are good."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_purge: datetime | None = None

    def take(self, client: str, id: str, until: datetime, now: datetime) -> None:
        """Use up the token ``id`` of ``client``, which is good ``until`` then.

        Raises `Unauthorized` if it was used before, or if the store cannot say: then nobody is let in.
        """
        row = {"client": client, "jti": sha256(id.encode("utf-8", "surrogatepass")).hexdigest(), "expires": until + _CLOCKS_DIFFER}
        try:
            with self._store.write_direct(durable=False) as transaction:
                transaction.insert(_TAKE, [row])
        except IntegrityError:
            raise Unauthorized(Reason.REPLAYED) from None
        except SQLAlchemyError as error:
            LOG.error("token_memory_unavailable type=%s", type(error).__name__)
            raise Unauthorized(Reason.MEMORY_UNAVAILABLE) from None
        self._purge(now)

    def _purge(self, now: datetime) -> None:
        """Forget tokens that are over, once in a while. If that fails, nobody is refused for it: it is tried again later."""
        if self._next_purge is not None and now < self._next_purge:
            return
        self._next_purge = now + _PURGE_EVERY
        try:
            with self._store.write(durable=False) as connection:
                connection.execute(delete(SEEN_TOKENS).where(SEEN_TOKENS.c.expires < now))
        except SQLAlchemyError as error:
            LOG.warning("tokens_not_purged type=%s", type(error).__name__)

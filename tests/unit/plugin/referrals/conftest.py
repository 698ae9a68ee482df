"""A loop of one's own."""

from pathlib import Path

import pytest
from support.referral_loop import Loop

from plugin.store import Store


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Loop:
    return Loop(store, tmp_path)

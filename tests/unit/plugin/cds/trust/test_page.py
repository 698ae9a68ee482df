"""The operator's page knows every reason and every bound."""

from pathlib import Path

import pytest

from plugin.cds.body import DEPTH, LIMIT
from plugin.cds.trust import Reason
from plugin.cds.trust.claims import LONGEST_LIFE
from plugin.cds.trust.jws import LONGEST
from plugin.cds.trust.key_source import LATE, PAUSE, STALE
from plugin.settings import ClientSettings

ABOUT = ("issuer", "tenant", "audience", "jwks_url", "jwks_file", "ca_file", "fhir_servers", "allowed_origins")


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "how-to" / "cds-hooks" / "trust.md").read_text()


@pytest.mark.parametrize("reason", Reason)
def test_the_page_says_what_to_do_about_each_reason(reason: Reason, page: str) -> None:
    assert f"`{reason}`" in page


def test_the_page_names_the_settings_and_the_bounds_as_they_are(page: str) -> None:
    assert {*ABOUT} <= ClientSettings.model_fields.keys()
    assert [name for name in ABOUT if f"`{name}`" not in page] == []
    assert (LONGEST_LIFE, LONGEST, LATE, PAUSE, STALE, LIMIT, DEPTH) == (15 * 60, 16 << 10, 20 * 60, 60, 86400, 10 << 20, 100)

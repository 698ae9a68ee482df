"""``almoner pack expand``: fetched once, pinned, offline afterwards; nothing changes unnoticed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Ran, almoner
from support.ehr_server import ehr_server, peer_python
from support.faulty_ehr import Faulty, body, fixed
from support.spec import write_pack
from support.terminology import NUMBERS, NUMBERS_SET, Terminology, outcome, terminology_server

from fhir_adapters import FhirServer, Limits
from plugin.expansions import Changed, Failed, Outcome, fetch
from rules.errors import RuleError
from rules.pack import load_packs
from rules.pins import EXPANSIONS, PINS_FILE

TODAY = date(2026, 6, 30)
SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": NUMBERS,
    "version": "2026-01",
    "concept": [{"code": "even", "display": "Even", "concept": [{"code": "two"}, {"code": "four"}]}, {"code": "one", "display": "One"}],
}
SET: dict[str, Any] = {
    "resourceType": "ValueSet",
    "url": NUMBERS_SET,
    "version": "1",
    "status": "active",
    "compose": {"include": [{"system": NUMBERS, "concept": [{"code": "one"}, {"code": "two"}]}]},
}
RULE = f"""
valuesets:
  published: {{url: "{NUMBERS_SET}", version: "1"}}
  below even: {{descendants of: {{"{NUMBERS}": [even]}}}}
facts:
  counted: {{exists: conditions, code: published}}
  even: {{exists: conditions, code: below even}}
when: {{any: [counted, even]}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A pack, and the terminology server that it needs."""

    folder: Path
    known: Terminology
    server: Faulty
    told: list[Changed | Failed]

    def fetch(self, *, update: bool = False, today: date = TODAY) -> Outcome:
        server = FhirServer(self.server.base_url, limits=Limits(attempts=1, longest_wait=0.01))
        return fetch(self.folder, server, today, update=update, tell=self.told.append)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / EXPANSIONS).iterdir()}

    def file(self, start: str) -> Path:
        (found,) = (self.folder / EXPANSIONS).glob(f"{start}*.json")
        return found

    def codes(self, fact: str) -> set[str]:
        (pack,) = load_packs(self.folder)
        return {code.code for code in pack.program.by_name[f"spec/{fact}"].series.codes}  # type: ignore[union-attr]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    known = Terminology([json.loads(json.dumps(SYSTEM))], [json.loads(json.dumps(SET))])
    with terminology_server(known) as server:
        yield Site(write_pack(tmp_path / "pack", RULE), known, server, [])


def test_fetched_once_and_offline_afterwards(site: Site) -> None:
    with pytest.raises(RuleError, match="ALM234 value set 'published': its codes are not here; fetch them: almoner pack expand"):
        load_packs(site.folder)
    assert [len(outcome) for outcome in [site.fetch().changed]] == [2]
    assert (site.codes("counted"), site.codes("even")) == ({"one", "two"}, {"two", "four"})
    asked, files = len(site.server.asked), site.files()
    again = site.fetch(today=date(2027, 1, 1))
    assert (again.kept, again.changed, len(site.server.asked), site.files()) == (2, [], asked, files)


def test_the_lock_says_what_was_fetched(site: Site) -> None:
    site.fetch()
    lock = json.loads((site.folder / EXPANSIONS / PINS_FILE).read_text(encoding="utf-8"))
    pins = {pin["definition"]: pin for pin in lock["expansions"].values()}
    assert set(pins) == {f"{NUMBERS_SET}|1", f"descendent-of {NUMBERS}|even"}
    published, below = pins[f"{NUMBERS_SET}|1"], pins[f"descendent-of {NUMBERS}|even"]
    assert (published["version"], published["codes"], published["fetched"]) == ("1", 2, "2026-06-30")
    assert (below["version"], below["codes"]) == (f"{NUMBERS}|2026-01", 2)
    assert set(lock["expansions"]) == {path.removesuffix(".json") for path in site.files() if path != PINS_FILE}


def test_an_update_without_news_changes_nothing(site: Site) -> None:
    site.fetch()
    files = site.files()
    outcome = site.fetch(update=True, today=date(2027, 1, 1))
    assert (outcome.kept, outcome.changed, outcome.other_meaning, site.files()) == (2, [], (), files)


def test_an_update_says_what_changed_and_for_which_rules(site: Site) -> None:
    site.fetch()
    del site.known.systems[0]["concept"][0]["concept"][1]
    site.known.systems[0]["concept"][0]["concept"].append({"code": "six", "display": "Six"})
    assert site.fetch().changed == []
    outcome = site.fetch(update=True)
    (changed,) = outcome.changed
    assert (changed.added, changed.removed) == ((f"{NUMBERS}|six Six",), (f"{NUMBERS}|four",))
    assert outcome.other_meaning == ("spec",)
    assert site.codes("even") == {"two", "six"}


def test_a_set_that_is_retired_is_written_again(site: Site) -> None:
    site.fetch()
    site.known.sets[0]["status"] = "retired"
    (changed,) = site.fetch(update=True).changed
    assert (changed.added, changed.removed) == ((), ())
    assert json.loads(site.file("numbers").read_text(encoding="utf-8"))["status"] == "retired"


def test_what_is_not_needed_any_more_is_dropped_with_an_update(site: Site) -> None:
    site.fetch()
    file, rule = site.file("descendent-of"), site.folder / "rules" / "spec.yaml"
    text = rule.read_text(encoding="utf-8")
    rule.write_text(text.replace(f'{{descendants of: {{"{NUMBERS}": [even]}}}}', "{loinc: [4548-4]}"), encoding="utf-8")
    assert site.fetch().dropped == []
    assert site.fetch(update=True).dropped == [file]
    assert len(site.files()) == 2
    assert not file.exists()


def test_a_changed_file_is_noticed_and_repaired_only_when_asked(site: Site) -> None:
    site.fetch()
    file, whole = site.file("descendent-of"), site.files()
    file.write_text(file.read_text(encoding="utf-8").replace('"four"', '"five"'), encoding="utf-8")
    with pytest.raises(RuleError, match=r"ALM234 .*does not hold the codes that were fetched on 2026-06-30"):
        load_packs(site.folder)
    (failed,) = site.fetch().failed
    assert ("restore it, or fetch it again with --update" in failed.reason, failed.by_server) == (True, False)
    site.fetch(update=True)
    assert site.files() == whole


def test_files_that_were_not_passed_on_come_back_as_the_lock_says(site: Site) -> None:
    site.fetch()
    site.file("descendent-of").unlink()
    assert len(site.fetch().changed) == 1
    assert site.codes("even") == {"two", "four"}
    site.file("descendent-of").unlink()
    site.known.systems[0]["concept"][0]["concept"].pop()
    (failed,) = site.fetch().failed
    assert "the server's 1 codes are not the 2 that the lock names" in failed.reason
    assert len(site.fetch(update=True).changed) == 1
    assert site.codes("even") == {"two"}


def test_one_failure_does_not_stop_the_others(site: Site) -> None:
    site.known.sets.clear()
    found = site.fetch()
    (failed,) = found.failed
    assert str(failed.wanted).endswith("rules/spec.yaml:14:3: published")
    assert (failed.by_server, len(found.changed)) == (True, 1)


def test_a_set_of_two_rules_is_fetched_once(site: Site) -> None:
    text = (site.folder / "rules" / "spec.yaml").read_text(encoding="utf-8").replace("rule: spec", "rule: other")
    (site.folder / "rules" / "other.yaml").write_text(text, encoding="utf-8")
    assert len(site.fetch().changed) == 2
    assert len(load_packs(site.folder)[0].program.rules) == 2


# ---------------------------------------------------------------- the command


def expand(folder: Path, server: str, *more: str) -> Ran:
    return almoner("pack", "expand", folder, "--server", server, "--as-of", "2026-06-30", *more)


def test_the_command_tells_what_it_did(site: Site) -> None:
    first = expand(site.folder, site.server.base_url)
    assert (first.code, first.err.strip().rpartition(": ")[2]) == (0, "2 fetched")
    assert "spec.yaml:14:3: published: 2 codes, version 1\n" in first.out
    second = expand(site.folder, site.server.base_url)
    assert (second.code, second.out, second.err.strip().rpartition(": ")[2]) == (0, "", "2 as they were")
    site.known.systems[0]["concept"][0]["concept"].append({"code": "six", "display": "Six"})
    third = expand(site.folder, site.server.base_url, "--update")
    assert f"3 codes: 1 added, 0 removed, version {NUMBERS}|2026-01\n  + {NUMBERS}|six Six\n" in third.out
    assert "'spec' means something else now: almoner pack lock says which version it needs\n" in third.out


def test_the_command_fails_as_it_should(site: Site, tmp_path: Path) -> None:
    site.server.behaviours["ValueSet"] = fixed(body(outcome("too-costly"), 422))
    refused = expand(site.folder, site.server.base_url)
    assert (refused.code, refused.out.count("too large for the server")) == (4, 2)
    (site.folder / EXPANSIONS).mkdir(parents=True)
    (site.folder / EXPANSIONS / PINS_FILE).write_text("[]", encoding="utf-8")
    broken = expand(site.folder, site.server.base_url)
    assert (broken.code, "is not a lock of expansions" in broken.err) == (3, True)


def test_a_token_goes_with_each_request(site: Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    done = expand(site.folder, site.server.base_url, "--token-file", str(tmp_path / "token"))
    assert (done.code, {headers["Authorization"] for _, headers in site.server.asked}) == (0, {"Bearer secret"})


@pytest.mark.slow
def test_a_server_that_is_no_terminology_server_is_told_apart(tmp_path: Path) -> None:
    python = peer_python()
    if python is None:
        pytest.skip("no FHIR server here: make peer")
    folder = write_pack(tmp_path / "pack", RULE)
    with ehr_server(python, tmp_path) as ehr:
        done = expand(folder, ehr.base_url)
    assert (done.code, done.out.count(": the server "), (folder / EXPANSIONS).exists()) == (4, 2, False), done.out

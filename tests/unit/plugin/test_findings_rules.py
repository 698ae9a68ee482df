"""The page about each rule: computed from the rule, complete, and honest about the data that it uses."""

import html
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.worklist import application, finding, person, publish

from plugin.findings.catalogue import rule_page
from rules.attributes import ATTRIBUTES, uses
from rules.pack import BUILT_IN, load_packs

PACKS = load_packs(BUILT_IN)
RULES = [rule for pack in PACKS for rule in pack.document.rules]
TAG = re.compile(r"<[^>]+>")

PACK = "pack: sample\nversion: 1.0.0\ntitle: Sample\nowner: Nobody\nlicence: Apache-2.0\ndeveloper: Nobody\n"
RULE = """\
rule: sample
title: A sample
status: live
level: watch
priority: 10
why: To see what is computed.
evidence:
  grade: expert opinion
  citations: [{{title: Sample, url: "https://example.org/"}}]
released: 2026-01-01
limitations: Everything.
{sensitivity}
facts:
  asked: {fact}
when: {when}
then:
  card: {{summary: A sample, indicator: info}}
examples:
  as_of: 2026-06-30
  cases:
    - {{name: nobody, expect: unknown}}
"""


def text(page: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", page)).split())


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return application(tmp_path).test_client()


def used(tmp_path: Path, fact: str, when: str) -> set[str]:
    """The kinds of data that a rule with one fact uses."""
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "rules" / "sample.yaml").write_text(RULE.format(fact=fact, when=when, sensitivity=""), encoding="utf-8")
    (pack,) = load_packs(tmp_path)
    return {use.attribute for use in uses(pack.program, "sample") if use.facts}


@pytest.mark.parametrize(
    ("fact", "when", "expected"),
    [
        ("{patient: age}", "asked > 5", {"date of birth"}),
        ("{patient: sex}", "asked is female", {"sex"}),
        ("{patient: language}", "asked is es", {"language"}),
        ("{patient: postcode}", "asked is 02115", {"social determinants of health"}),
        ("{patient: deceased}", "asked", set()),
        ("{exists: conditions, code: {icd10: [E11.9]}}", "asked", set()),
        ("{exists: conditions, code: {icd10: [E11.9, Z59.41]}}", "asked", {"social determinants of health"}),
        ("{exists: conditions, code: {icd10: [Z54.0]}}", "asked", set()),
        ("{exists: conditions, code: {snomed: ['733423003']}}", "asked", {"social determinants of health"}),
        ("{exists: referrals, code: {sdohcc: [food-insecurity]}}", "asked", {"social determinants of health"}),
        ("{exists: observations, code: {loinc: [4548-4]}}", "asked", set()),
        ("{exists: observations, code: {loinc: [44261-6]}}", "asked", {"health status assessments"}),
        (
            "{exists: observations, code: {loinc: [96778-6]}}",
            "asked",
            {"social determinants of health", "health status assessments"},
        ),
        ("{exists: observations, code: {loinc: [54899-0]}}", "asked", {"language"}),
        (
            "{exists: observations}",
            "asked",
            {"social determinants of health", "health status assessments", "language"},
        ),
        ("{exists: conditions}", "asked", {"social determinants of health"}),
        ("{exists: encounters}", "asked", set()),
    ],
)
def test_the_data_used_are_computed_from_what_the_rule_reads(tmp_path: Path, fact: str, when: str, expected: set[str]) -> None:
    assert used(tmp_path, fact, when) == expected


def test_every_source_attribute_of_hti1_is_answered() -> None:
    for pack in PACKS:
        for rule in pack.program.rules:
            assert tuple(use.attribute for use in uses(pack.program, rule)) == ATTRIBUTES


@pytest.mark.parametrize("rule", RULES, ids=[rule.id.text for rule in RULES])
def test_a_rules_page_says_everything(client: FlaskClient, rule: object) -> None:
    from rules.document import Rule

    assert isinstance(rule, Rule)
    response = client.get(f"/rules/{rule.id}")
    assert response.status_code == 200
    said = text(response.text)
    assert rule.title in said
    assert " ".join(rule.why.split()) in said
    assert " ".join(rule.limitations.split()) in said
    assert f"Grade {rule.grade}" in said
    for citation in rule.citations:
        assert citation.title in said
        assert f'href="{html.escape(citation.url)}"' in response.text
    for example in rule.examples:
        assert f"{example.name[:1].upper()}{example.name[1:]}" in said
    for attribute in ("race", "sex", "date of birth", "social determinants of health"):
        assert f"Use of {attribute}" in said
    source = (BUILT_IN / "whole-person" / "rules" / f"{rule.id}.yaml").read_text(encoding="utf-8")
    assert " ".join(source.split()) in said


def test_what_a_rule_reads_is_told_with_codes_windows_and_statuses() -> None:
    reads = {read.fact: read for read in rule_page(PACKS, "phq9-no-follow-up").reads}
    assert reads["age"].what == "Patient: birthDate"
    assert reads["phq9"].codes == ("loinc 44261-6",)
    assert reads["phq9"].window == "from 6 months before today"
    assert "entered-in-error" not in reads["phq9"].statuses
    assert reads["follow-up"].window == "from phq9"
    assert reads["follow-up"].what == "Encounter, Procedure, ServiceRequest"


def test_a_household_fact_says_that_it_reads_others() -> None:
    reads = rule_page(PACKS, "damp-home-child-prevent").reads
    assert any("others at the same address" in read.what for read in reads)


def test_long_value_sets_are_cut_and_counted() -> None:
    reads = {read.fact: read for read in rule_page(PACKS, "diabetes-food-insecurity").reads}
    assert len(reads["has diabetes"].codes) == 8
    assert reads["has diabetes"].more_codes > 200


def test_the_list_of_rules_counts_what_the_sweep_found(tmp_path: Path, client: FlaskClient) -> None:
    assert "not swept yet" in text(client.get("/rules").text)
    publish(tmp_path, [person(1, finding("phq9-no-follow-up"))])
    manifest = next((tmp_path / "sweeps").glob("*/manifest.json"))
    written = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        written.replace('"findings_by_rule": {}', '"findings_by_rule": {"phq9-no-follow-up": {"yes": 1234, "unknown": 7}}'),
        encoding="utf-8",
    )
    page = client.get("/rules")
    assert "1,234 7" in text(page.text)
    assert 'href="/findings?rule=phq9-no-follow-up"' in page.text


def test_a_restricted_rule_has_a_page_but_no_counts(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "rules" / "sample.yaml").write_text(
        RULE.format(fact="{patient: age}", when="asked > 5", sensitivity="sensitivity: restricted"), encoding="utf-8"
    )
    client = application(tmp_path / "state", load_packs(tmp_path)).test_client()
    assert "restricted: not on a shared list" in text(client.get("/rules").text)
    assert "restricted: findings stay off shared lists" in text(client.get("/rules/sample").text)


@pytest.mark.parametrize("address", ["/rules/none", "/rules/..%2f..%2fpack", "/rules/phq9-no-follow-up.yaml"])
def test_no_such_rule(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_the_style_sheet_is_small_and_shows_colour_schemes_and_print(root: Path) -> None:
    css = (root / "plugin" / "static" / "almoner.css").read_text(encoding="utf-8")
    assert 3_000 < len(css.encode()) < 10_000
    for expected in ("prefers-color-scheme: dark", "@media print", ":focus-visible", "prefers-reduced-motion"):
        assert expected in css
    assert "url(" not in css
    assert "@import" not in css

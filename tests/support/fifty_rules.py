"""Fifty rules that use what CQL can say, over the codes of the synthetic population, so that each answer really occurs."""

from pathlib import Path
from typing import Final

import yaml

_PACK: Final = """\
pack: fifty-rules
version: 1.0.0
title: Fifty rules
owner: Almoner maintainers
facts:
  age: {patient: age}
  sex: {patient: sex}
  language: {patient: language}
  postcode: {patient: postcode}
  birth: {patient: birth}
  deceased: {patient: deceased}
  diabetes: {exists: conditions, code: diabetes}
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  phq9: {latest: observations, code: PHQ-9 total, unit: "{score}"}
  systolic: {latest: observations, code: systolic, unit: "mm[Hg]"}
  bmi: {latest: observations, code: {loinc: [39156-5]}, unit: kg/m2}
  food: {latest: observations, question: hunger}
population: {not: deceased}
valuesets:
  HbA1c: {loinc: [4548-4, 17856-6]}
  PHQ-9 total: {loinc: [44261-6]}
  systolic: {loinc: [8480-6]}
  diabetes: {snomed: ["44054006"], icd10: [E11.9]}
  asthma or COPD: {snomed: ["195967001", "13645005"], icd10: [J45.909, J44.9]}
  food insecurity: {snomed: ["733423003"], icd10: [Z59.41]}
  check-up: {snomed: ["185349003"]}
questions:
  hunger:
    code: {loinc: [88122-7, 88123-5, 88124-3]}
    answers:
      at risk: {loinc: [LA28397-0, LA6729-3, LA19952-3]}
      no risk: {loinc: [LA28398-8, LA19983-8]}
      declined: {loinc: [LA15775-2]}
  home:
    code: {loinc: [96778-6]}
    answers:
      it's cold or damp: {loinc: [LA28580-1, LA31998-0, LA32001-2]}
      other: {loinc: [LA31996-4, LA31997-2, LA31999-8, LA32000-4]}
      none: {loinc: [LA9-3]}
  mood item 9:
    code: {loinc: [44260-8]}
    answers: {never: {loinc: [LA6568-5]}, sometimes: {loinc: [LA6569-3, LA6570-1, LA6571-9]}}
  check-up visit:
    code: {snomed: ["185349003"]}
    answers: {not asked: {loinc: [LA30122-8]}}
  food goal:
    code: {sdohcc: [food-insecurity]}
    answers:
      wanted: {goal-status: [proposed, planned, accepted, active, on-hold]}
      not wanted: {goal-status: [rejected, cancelled]}
      reached: {goal-status: [completed]}
"""

_RULES: Final = """\
# the person
adult: {when: "age between 18 and 64"}
two-of-four: {when: {at least: 2, of: [age >= 75, bmi >= 30, systolic >= 140, phq9 >= 10]}}
tested-young: {facts: {then: {patient: age, on: hba1c}}, when: then < 50}
speaks-spanish: {when: language is es}
elsewhere: {when: {all: [postcode is known, {not: postcode is 02139}]}}
born-known: {when: birth is known, unless: [sex is male]}
# events
asthma: {facts: {a: {exists: conditions, code: asthma or COPD}}, when: a}
any-diagnosis: {facts: {a: {exists: conditions}}, when: {not: a}}
resolved: {facts: {a: {exists: conditions, status: [resolved, inactive, remission]}}, when: a}
refuted: {facts: {a: {exists: conditions, status: [refuted, entered-in-error]}}, when: a}
visits: {facts: {n: {count: encounters, within: 12 months}}, when: n >= 2}
visit-days: {facts: {n: {count: encounters, code: check-up, different days: yes}}, when: n >= 2}
no-visit: {facts: {n: {count: encounters, within: 24 months}}, when: n = 0}
visit-or-procedure: {facts: {a: {exists: [encounters, procedures], within: 6 months}}, when: a}
seen-lately: {facts: {gap: {time since latest: encounters, in: months}}, when: gap < 9}
days-ill: {facts: {n: {days covered: conditions, code: asthma or COPD, during: last year}}, when: n >= 300}
screened-years: {facts: {gap: {time since latest: observations, code: {loinc: [44261-6]}, in: years}}, when: gap >= 1}
screened-days: {facts: {gap: {time since latest: observations, code: {loinc: [96778-6]}, in: days}}, when: gap > 365}
# values
high-hba1c: {when: hba1c > 7.5 %}
hba1c-ifcc:
  facts: {a: {latest: observations, code: {loinc: [4548-4]}, unit: mmol/mol, within: 3 years}}
  when: a >= 48
first-hba1c: {facts: {a: {earliest: observations, code: HbA1c, unit: "%", ties: lowest}}, when: a >= 6.5 %}
highest-systolic: {facts: {a: {highest: observations, code: systolic, unit: "mm[Hg]", within: 2 years}}, when: a >= 140}
lowest-systolic: {facts: {a: {lowest: observations, code: systolic, unit: "mm[Hg]", usable only: yes}}, when: a < 110}
mean-systolic: {facts: {a: {mean: observations, code: systolic, unit: "mm[Hg]", usable only: yes}}, when: a > 130.5}
sum-phq9: {facts: {a: {sum: observations, code: PHQ-9 total, unit: "{score}", usable only: yes}}, when: a >= 15}
often-high:
  facts: {n: {count: observations, code: systolic, unit: "mm[Hg]", where: [value >= 130, value < 180]}}
  when: n >= 1
phq9-range: {when: phq9 between 10 and 19}
always-high: {facts: {a: {all: observations, code: systolic, unit: "mm[Hg]", where: value >= 120}}, when: a}
# questions
hungry: {when: food is at risk}
hungry-first: {facts: {a: {earliest: observations, question: hunger}}, when: a is not at risk}
ever-hungry: {facts: {a: {exists: observations, question: hunger, answer: at risk, within: 3 years}}, when: a}
damp: {facts: {a: {latest: observations, question: home, within: 2 years}}, when: "a is it's cold or damp"}
thoughts: {facts: {a: {latest: observations, question: mood item 9, usable only: yes}}, when: a is sometimes}
wish: {facts: {a: {latest: goals, question: food goal}}, when: a is not wanted}
# tags
survey:
  facts: {n: {count: observations, category: {"http://terminology.hl7.org/CodeSystem/observation-category": [survey]}, within: 1 year}}
  when: n > 3
ambulatory: {facts: {a: {exists: encounters, class: {act-code: [AMB]}, during: last year}}, when: a}
ordered: {facts: {a: {exists: referrals, intent: {"http://hl7.org/fhir/request-intent": [order]}}}, when: a}
not-done:
  facts: {a: {exists: observations, reason: {"http://terminology.hl7.org/CodeSystem/data-absent-reason": [unknown, asked-declined]}}}
  when: a
# time
during-illness: {facts: {n: {count: encounters, during: {events: conditions, code: asthma or COPD}}}, when: n >= 1}
fixed-time: {facts: {n: {count: observations, during: 2025-01-31 to 2025-12-31}}, when: n >= 5}
ended: {facts: {a: {exists: conditions, status: [active, resolved], within: 2 years, timing: ends}}, when: a}
prevalent: {facts: {a: {exists: conditions, status: [active, recurrence, resolved], during: last year, timing: overlaps}}, when: a}
within-youth: {facts: {a: {exists: conditions, within: 18 years after birth}}, when: a}
visit-after-test: {facts: {a: {exists: encounters, within: 6 months after hba1c}}, when: a}
value-before-visit:
  facts:
    visit: {latest: encounters, question: check-up visit}
    before: {latest: observations, code: systolic, unit: "mm[Hg]", until: visit}
  when: before > 120
# relations
followed-up: {facts: {a: {exists: observations, code: PHQ-9 total, followed by: {events: encounters, within: 60 days}}}, when: a}
lost:
  facts:
    a:
      exists: observations
      question: hunger
      answer: at risk
      until: 30 days ago
      not followed by: {events: goals, within: 3 months, preceded by: {events: observations, code: {loinc: [96778-6]}, at least: 1 day}}
  when: a
# computed
change:
  facts:
    first: {earliest: observations, code: PHQ-9 total, unit: "{score}"}
    change: {value: (phq9 - first) / first * 100, unit: "%", round: 1}
  when: change <= -25 %
points:
  facts:
    points:
      table:
        - {when: {all: [age >= 65, bmi >= 30]}, value: 3}
        - {when: {any: [diabetes, age >= 50]}, value: "max(2, age / 40)"}
        - {otherwise: "min(bmi, 10) / 10"}
      round: 2
  when: points between 1 and 2.5
score:
  facts:
    risk: {value: (age / 10) ^ 1.5 + systolic / 20 - 3 * 2, round: 3}
    band: {table: [{when: risk > 12, value: "doctor's"}, {when: risk > 9.25, value: high}, {when: risk <= 4, value: low}]}
    care: {table: [{when: band is low, value: none now}, {when: food is at risk, value: urgent}, {otherwise: usual}]}
  when: {any: [band is high, care is urgent]}
"""

_RULE: Final = """\
rule: {id}
title: The rule {id}
status: live
level: act
priority: 1
why: It shows that two engines agree.
evidence: {{grade: expert opinion, citations: [{{title: The language reference, url: "https://example.org/"}}]}}
released: 2026-01-01
limitations: None.
then: {{card: {{summary: Look, indicator: info}}}}
examples: {{as_of: 2026-01-01, cases: []}}
"""


def write_fifty_rules(folder: Path) -> Path:
    """The pack on disk."""
    (folder / "rules").mkdir(parents=True)
    (folder / "pack.yaml").write_text(_PACK, encoding="utf-8")
    for id_, rule in yaml.load(_RULES, yaml.BaseLoader).items():  # noqa: S506 a loader that reads texts and nothing else
        text = _RULE.format(id=id_) + yaml.safe_dump(rule, allow_unicode=True)
        (folder / "rules" / f"{id_}.yaml").write_text(text, encoding="utf-8")
    return folder

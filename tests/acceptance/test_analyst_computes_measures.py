"""An analyst computes measures over a folder of FHIR data, on any engine, and asks why somebody is not met."""

import json
from pathlib import Path

import pytest
from support.command_line import almoner

PACK = Path(__file__).resolve().parents[1] / "packs" / "public-measures"


@pytest.fixture(scope="module")
def source(shared_data: Path) -> Path:
    return shared_data / "synthea" / "us-core-120"


@pytest.mark.slow
def test_the_same_rates_from_every_engine(source: Path, tmp_path: Path) -> None:
    told, lines = [], []
    for engine in ("reference", "durable", "columnar"):
        out = tmp_path / f"{engine}.ndjson"
        options = ["--period", "2020", "--as-of", "2021-07-11", "--engine", engine, "--json", "--out", str(out)]
        result = almoner("measure", str(PACK), "--source", str(source), *options)
        assert result.code == 0, result.err
        told.append(json.loads(result.out))
        lines.append(out.read_text(encoding="utf-8"))
    assert told[0] == told[1] == told[2]
    assert lines[0] == lines[1] == lines[2]
    reports = {report["measure"]: report for report in told[0]["measures"]}
    assert reports["cms22"]["counts"] == "episodes"
    assert reports["cms69"]["period"] == "2020-01-01 to 2020-12-31"
    (row,) = reports["cms22"]["groups"][0]["rows"]
    assert 0 < row["low"] <= row["rate"] <= row["high"] <= 1
    assert [group["group"] for group in reports["cms347"]["groups"]] == ["disease", "cholesterol", "diabetes", "risk", "together"]


@pytest.mark.slow
def test_a_table_by_stratum(source: Path) -> None:
    measure = str(PACK / "measures" / "cms22.yaml")
    result = almoner("measure", measure, "--source", str(source), "--period", "2020", "--as-of", "2021-07-11", "--by", "reading")
    assert result.code == 0, result.err
    head, columns, *rows = result.out.splitlines()
    assert head.startswith("cms22: Blood pressure taken at each visit")
    assert columns.split()[-4:] == ["episodes", "rate", "from", "to"]
    assert [row.split("  ")[1].strip() for row in rows][-1] == "everybody"
    assert any(row.strip().startswith("normal") for row in rows)


@pytest.mark.slow
def test_why(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "outcomes.ndjson"
    options = ["--source", str(source), "--as-of", "2021-07-11"]
    measured = almoner("measure", PACK / "measures" / "cms22.yaml", *options, "--period", "2025", "--out", out)
    assert (measured.code, out.read_text(encoding="utf-8")) == (0, "")  # nobody has visits in a period to come
    explained = almoner("explain", "cms349", "--packs", PACK, *options, "--patient", "057aa36e-b892-9964-75b9-ffb46b097e34")
    assert explained.code == 0, explained.err
    assert explained.out.startswith("cms349, tested: not eligible as of 2021-07-11, because of\n  age at start <= 65   [95]\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "shoe size"], "nothing is known by 'shoe size'"),
        (["--period", "2020-13"], "is not a period such as 2025"),
    ],
)
def test_what_cannot_be_asked(options: list[str], message: str, tmp_path: Path) -> None:
    result = almoner("measure", str(PACK), "--source", str(tmp_path), *options)
    assert result.code == 2
    assert message in result.err

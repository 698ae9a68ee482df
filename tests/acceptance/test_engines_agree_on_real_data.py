"""An analyst runs the same pack over Synthea's people with three engines and compares the files byte for byte."""

import json
from pathlib import Path

import pytest
from support.command_line import almoner

SAMPLES = {"sdoh": ("2023-10-03", 22), "us-core-120": ("2021-07-11", 120), "main": ("2021-04-01", 615)}


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
def test_three_engines_write_the_same_file(sample: str, shared_data: Path, tmp_path: Path) -> None:
    as_of, people = SAMPLES[sample]
    files = {}
    for engine in ("reference", "columnar", "durable"):
        out = tmp_path / f"{engine}.ndjson"
        source = shared_data / "synthea" / sample
        ran = almoner("evaluate", "--source", source, "--as-of", as_of, "--engine", engine, "--all", "--facts", "--out", out)
        assert ran.code == 0, ran.err
        files[engine] = out.read_bytes()
    assert len(files["reference"].splitlines()) == people * 5
    assert files["columnar"] == files["reference"]
    assert files["durable"] == files["reference"]


@pytest.mark.slow
def test_every_yes_names_the_resource_that_says_so(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "yes.ndjson"
    arguments = ("--source", shared_data / "synthea" / "sdoh", "--as-of", "2023-10-03", "--loaded", "ServiceRequest,Goal", "--out", out)
    ran = almoner("evaluate", *arguments)
    findings = [json.loads(line) for line in out.read_text().splitlines()]
    assert ran.code == 0, ran.err
    assert findings
    for finding in findings:
        assert finding["status"] == "yes"
        assert all("/" in item["resource"] for item in finding["evidence"])
        assert finding["evidence"], finding["rule"]

import gzip
import hashlib
import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fhir_adapters.bulk.manifest import Listed, read_page
from fhir_adapters.bulk.pull import planned_exports
from fhir_adapters.bulk.received import Received
from fhir_adapters.bulk.renewal import matched
from fhir_adapters.bulk.request import ExportRequest
from fhir_adapters.bulk.retries import Retries
from fhir_adapters.bulk.state import File, State
from fhir_adapters.errors import PullConflict, SourceUnreadable
from fhir_adapters.pulled import NAME, Deletions, Pulled, PulledFile, read_pulled, unchanged

LINES = b'{"a": 1}\n{"b": 2}\n'


def arrived(path: Path, content: bytes, size: int = 7) -> Received:
    with Received(path, resume=False) as received:
        for start in range(0, len(content), size):
            received.take(content[start : start + size])
        received.keep()
    return received


WHOLE = {
    "plain": (LINES, 2),
    "last line not ended": (LINES.rstrip(), 2),
    "empty": (b"", 0),
    "one byte": (b"\n", 1),
    "byte-order mark": (b"\xef\xbb\xbf" + LINES, 2),
    "gzip": (gzip.compress(LINES), 2),
    "several gzip members": (gzip.compress(LINES) + gzip.compress(LINES), 4),
    "gzip with padding": (gzip.compress(LINES) + b"\0" * 100, 2),
    "gzip of nothing": (gzip.compress(b""), 0),
    "gzip of much": (gzip.compress(LINES * 50_000), 100_000),
}


@pytest.mark.parametrize(("content", "lines"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_whole_files_are_counted_and_digested_as_received(tmp_path: Path, content: bytes, lines: int, size: int) -> None:
    if size == 1 and len(content) > 10_000:
        size = 1000
    received = arrived(tmp_path / "f", content, size)
    assert received.problem(resources=True) == ""
    assert (received.lines, received.bytes) == (lines, len(content))
    assert received.sha256 == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "f").read_bytes() == content
    assert received.packed == (content[:2] == b"\x1f\x8b")


@pytest.mark.parametrize("packed", [True, False])
def test_a_cut_is_seen_wherever_it_is_not_the_end_of_a_line(tmp_path: Path, packed: bool) -> None:
    content = gzip.compress(LINES) if packed else LINES.rstrip()
    fine = {len(LINES) // 2, len(LINES) // 2 - 1, 0, len(content)}
    for cut in range(len(content) + 1):
        problem = arrived(tmp_path / "f", content[:cut]).problem(resources=True)
        whole = cut in (0, len(content)) if packed else cut in fine
        assert (problem == "") == whole, cut


def test_what_was_here_already_counts(tmp_path: Path) -> None:
    content = gzip.compress(LINES * 100)
    (tmp_path / "f").write_bytes(content[:40])
    with Received(tmp_path / "f", resume=True) as received:
        received.take(content[40:])
        assert (received.lines, received.sha256) == (200, hashlib.sha256(content).hexdigest())
        received.restart()
        received.take(LINES)
        assert (received.lines, received.bytes, received.packed) == (2, len(LINES), False)
    assert (tmp_path / "f").read_bytes() == LINES


def test_a_bomb_does_not_fill_the_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(b"{}\n" * 30_000_000, 1)
    tracemalloc.start()
    received = arrived(tmp_path / "f", bomb, 1 << 16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert received.lines == 30_000_000
    assert peak < 2 << 20


def file(number: int, url: str, kind: Any = "output", count: int | None = 5, type: str = "Goal") -> File:
    return File(1, kind, number, type, url, count, "listed", "", "", "", 0, 0, "", 0, 0.0, "")


def listed(*urls: str, count: int | None = 5) -> list[Listed]:
    return [Listed("output", "Goal", url, count) for url in urls]


KNOWN = [file(1, "https://h/a?s=1"), file(2, "https://h/b?s=1")]


@pytest.mark.parametrize(
    ("urls", "pairs"),
    [
        (["https://h/a?s=1", "https://h/b?s=1"], [1, 2]),
        (["https://h/a?s=2", "https://h/b?s=2"], [1, 2]),
        (["https://h/b?s=2", "https://h/a?s=2"], [2, 1]),
        (["https://h/a?s=2", "https://h/b?s=2", "https://h/c?s=2"], [1, 2]),
        (["https://h/x", "https://h/y"], [1, 2]),
        (["https://h/x?f=1", "https://h/x?f=2"], [1, 2]),
        (["https://h/a?s=2"], None),
        (["https://h/a?s=2", "https://h/c"], None),
        (["https://h/x"], None),
        ([], None),
    ],
)
def test_files_of_a_renewed_manifest_are_found_again_or_not_at_all(urls: list[str], pairs: list[int] | None) -> None:
    entries = listed(*urls)
    found = matched(KNOWN, entries)
    if pairs is None:
        assert found is None
    else:
        assert found is not None
        assert {known.number: entry.url for known, entry in found} == {number: url for number, url in zip(pairs, urls, strict=False)}


def test_a_file_of_another_size_is_another_file() -> None:
    assert matched(KNOWN, listed("https://h/a", "https://h/b", count=6)) is None


def test_waits_follow_the_server_within_reason_and_grow_without_it() -> None:
    retries = Retries(least=1.0, longest=100.0)
    assert [retries.wait(asked, 3) for asked in (50.0, 0.0, -5.0, 1e9)] == [50.0, 1.0, 1.0, 100.0]
    assert all(1.0 <= retries.wait(None, tries) <= 60.0 for tries in range(2000))
    assert all(a / 4 <= b for a, b in pairwise(retries.wait(None, tries) for tries in range(6)))


def test_types_are_asked_for_since_they_were_last_here() -> None:
    request = ExportRequest(("Task", "Goal", "Patient"))
    assert planned_exports(request, {}) == [ExportRequest(("Goal", "Patient", "Task"))]
    assert planned_exports(request, {"Goal": "t2", "Patient": "t2"}) == [
        ExportRequest(("Task",)),
        ExportRequest(("Goal", "Patient"), since="t2"),
    ]


def test_odd_counts_and_addresses_of_a_manifest() -> None:
    body = {
        "transactionTime": "t",
        "output": [
            {"type": "Goal", "url": "files/1", "count": "12"},
            {"type": 5, "url": "/2", "count": "many"},
            {"type": "Goal", "url": "x:3", "count": True},
        ],
    }
    page = read_page(body, "https://h/fhir/status/1")
    assert [(f.type, f.url, f.count) for f in page.files] == [
        ("Goal", "https://h/fhir/status/files/1", 12),
        ("", "https://h/2", None),
        ("Goal", "x:3", None),
    ]
    assert page.requires_token


# ------------------------------------------------------------ what is left in the folder


def test_the_state_is_for_its_owner_only_and_one_process(tmp_path: Path) -> None:
    state = State(tmp_path / ".pull")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / ".pull").iterdir()} == {0}
    with pytest.raises(PullConflict):
        State(tmp_path / ".pull")
    state.close()
    State(tmp_path / ".pull").close()


def test_a_state_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(SourceUnreadable, match="cannot be used"):
        State(tmp_path)
    assert (tmp_path / "state.sqlite").read_bytes() == b"x" * 5000


RECORD = Pulled((PulledFile("0001/output/Goal.00001.ndjson", "output", "Goal", 1, 3, 1, "0"),), {"Goal": "t"}, {}, True)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_pulled(tmp_path) is None
    RECORD.write(tmp_path)
    assert read_pulled(tmp_path) == RECORD
    assert not unchanged(tmp_path, RECORD.files[0])


@pytest.mark.parametrize("change", [{"format": 2}, {"files": 5}, {"files": [{"path": "x"}]}, {"loaded": None, "files": None}], ids=str)
def test_a_damaged_record_stops_the_reading(tmp_path: Path, change: dict[str, Any]) -> None:
    RECORD.write(tmp_path)
    path = tmp_path / NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SourceUnreadable, match="--full"):
        read_pulled(tmp_path)


@pytest.mark.parametrize("place", ["../other.ndjson", "/etc/passwd", "a/../../b"])
def test_a_record_does_not_lead_out_of_its_folder(tmp_path: Path, place: str) -> None:
    RECORD.write(tmp_path)
    path = tmp_path / NAME
    path.write_text(path.read_text().replace("0001/output/Goal.00001.ndjson", place))
    with pytest.raises(SourceUnreadable):
        read_pulled(tmp_path)


def test_ids_alone_are_of_the_files_type(tmp_path: Path) -> None:
    (tmp_path / "d.ndjson").write_text('["1", {"id": "2"}, 3]\n4\n\n"https://h/fhir/Task/5"\nnot an id!\n{"no": 1}\n')
    gone = Deletions()
    gone.add(tmp_path / "d.ndjson", "Goal", 2)
    assert gone.last == dict.fromkeys(["Goal/1", "Goal/2", "Goal/3", "Goal/4", "Task/5"], 2)
    assert gone.unread == 2
    assert gone.cover({"resourceType": "Goal", "id": "1"}, 2)
    assert not gone.cover({"resourceType": "Goal", "id": "1"}, 3)
    assert not gone.cover(["Goal/1"], 1)

"""What pulling a Bulk Data export costs: CPU for 50,000 resources, and memory for 2 GB. ``python -m benchmarks.bulk`` prints it.

Server and client run in processes of their own, so that only the client is measured; its imports are measured alone and taken off.
Beside each figure stands the floor: the same files by ``requests`` alone, written and hashed, in the same minute on the same machine. What
a pull does beyond that is to look whether each file is whole (which means to unpack it), to count its lines, and to remember every step.
"""

import argparse
import gzip
import hashlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, ClassVar

import requests

from fhir_adapters.bulk import LIMITS, ExportRequest, Options, Pull
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.transport import FhirServer

RESOURCES = 50_000
"""The unit of the goal: at most 0.1 s CPU for so many."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that the server sends: ``piece`` so many times."""

    type: str
    piece: bytes
    times: int
    lines: int
    packed: bool


class Handler(BaseHTTPRequestHandler):
    """An export of ``files``, at once ready."""

    protocol_version = "HTTP/1.1"
    files: ClassVar[list[Stored]]

    def do_GET(self) -> None:
        """Kick-off, status or file."""
        if "$export" in self.path:
            self.answer(202, b"", {"Content-Location": f"http://{self.headers['Host']}/fhir/status"})
        elif self.path.endswith("/status"):
            self.answer(200, json.dumps(self.manifest()).encode(), {})
        else:
            self.send_stored(self.files[int(self.path.rsplit("/", 1)[1])])

    def do_DELETE(self) -> None:
        """Forget it."""
        self.answer(202, b"", {})

    def manifest(self) -> dict[str, Any]:
        """All files on one page."""
        base = f"http://{self.headers['Host']}/fhir"
        listed = [{"type": file.type, "url": f"{base}/{number}", "count": file.lines} for number, file in enumerate(self.files)]
        return {"transactionTime": "2026-06-30T06:00:00Z", "requiresAccessToken": False, "output": listed, "error": []}

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_stored(self, file: Stored) -> None:
        """Send a file."""
        packed = {"Content-Encoding": "gzip"} if file.packed else {}
        self.answer(200, b"", {"Content-Length": str(len(file.piece) * file.times)} | packed)
        for _ in range(file.times):
            self.wfile.write(file.piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(files: list[Stored]) -> Iterator[str]:
    """The base URL of a server of these files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"files": files})) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/fhir"
        http.shutdown()


def stored(folder: Path, *, packed: bool, at_least: int) -> list[Stored]:
    """Synthetic people as files of an export, over and over until there are ``at_least`` so many resources."""
    plain = {path.name.split(".")[0]: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}
    lines = {type: content.count(b"\n") for type, content in plain.items()}
    times = -(-at_least // sum(lines.values()))
    return [Stored(t, gzip.compress(c, 6) if packed else c, times, lines[t] * times, packed) for t, c in plain.items()]


def client(url: str, types: str, folder: str) -> None:
    """One pull, in this process; prints CPU seconds and the peak of memory in MB."""
    with Pull(FhirServer(url, limits=LIMITS), Path(folder), Options()) as pull:
        pull.begin(ExportRequest(tuple(types.split(","))))
        before = _cpu()
        pull.run()
    _print_used(before)


def floor(url: str, types: str, folder: str) -> None:
    """The same files without a pull: fetched, written and hashed; prints what `client` does."""
    before = _cpu()
    for number, name in enumerate(types.split(",")):
        digest = hashlib.sha256()
        with requests.get(f"{url}/{number}", stream=True, timeout=60) as answer, (Path(folder) / name).open("wb", buffering=0) as file:
            for piece in answer.raw.stream(1 << 18, decode_content=False):
                digest.update(piece)
                file.write(piece)
    _print_used(before)


def _print_used(before: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    print(json.dumps({"cpu": _cpu() - before, "peak": peak}))  # noqa: T201 it is the answer


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(files: list[Stored], how: str = "--client") -> dict[str, float]:
    """What one client used to get these files: a pull, or the ``--floor``."""
    with serving(files) as url, tempfile.TemporaryDirectory() as folder:
        types = ",".join(file.type for file in files)
        command = [sys.executable, "-m", "benchmarks.bulk", how, url, types, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def report(people: int, rounds: int, gigabytes: float) -> Iterator[str]:
    """The lines to print."""
    yield f"{platform.platform()}, Python {platform.python_version()}, requests {version('requests')}, urllib3 {version('urllib3')}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_ndjson(folder, people, 1, date(2026, 6, 30))
        for packed, resources in ((True, RESOURCES), (True, 10 * RESOURCES), (False, RESOURCES)):
            yield _cost(stored(folder, packed=packed, at_least=resources), rounds)
        for size in (0.002, gigabytes):
            yield _memory(folder, size)


def _cost(files: list[Stored], rounds: int) -> str:
    """CPU seconds of the pull, above those of a process that has imported everything."""
    count, size = sum(file.lines for file in files), sum(len(file.piece) * file.times for file in files)
    pairs = [(measured(files), measured(files, "--floor")) for _ in range(rounds)]
    found, bare = zip(*pairs, strict=True)
    seconds = [one["cpu"] for one in found]
    least = median(one["cpu"] for one in bare)
    name = f"{'gzip' if files[0].packed else 'plain'}: {count:,} resources in {len(files)} files, {size / 1e6:.1f} MB"
    middle, peak = median(seconds), max(one["peak"] for one in found)
    cost = f"{middle:.3f} s CPU ({min(seconds):.3f} to {max(seconds):.3f}), {middle * RESOURCES / count:.3f} s for {RESOURCES:,}"
    return f"{name}: {cost}; floor {least:.3f} s, {middle / least:.1f} times that; peak {peak:.0f} MB"


def _memory(folder: Path, gigabytes: float) -> str:
    """The peak of memory for an export of this size in one file, not packed."""
    content = (folder / "Observation.ndjson").read_bytes()
    times = max(1, round(gigabytes * 1e9 / len(content)))
    used = measured([Stored("Observation", content, times, content.count(b"\n") * times, packed=False)])
    return f"{len(content) * times / 1e9:.3f} GB in one file: peak {used['peak']:.0f} MB, {used['cpu']:.2f} s CPU"


def main() -> None:
    """Measure, or be the client that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    for job in ("--client", "--floor"):
        parser.add_argument(job, nargs=3, metavar=("URL", "TYPES", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.client or given.floor:
        (client if given.client else floor)(*(given.client or given.floor))
        return
    for line in report(given.people, given.rounds, given.gigabytes):
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()

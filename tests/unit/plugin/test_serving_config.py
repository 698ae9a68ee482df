"""The files for gunicorn, nginx and systemd that operators copy: they can be read, and they agree with the service."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from support.databases import environment_of

from plugin.cds.body import LIMIT
from plugin.serve import SPARE_THREADS, gunicorn_settings
from plugin.settings import CdsSettings, Settings


def directives(text: str) -> dict[str, str]:
    """Each directive of nginx with its value; an error where one is not ended, or a block not closed."""
    plain = re.sub(r"#.*", "", text)
    depth, found = 0, {}
    for statement, end in re.findall(r"([^;{}]*)([;{}])", plain):
        name, _, value = statement.strip().partition(" ")
        assert (end == "}") == (not name), statement
        depth += {"{": 1, "}": -1, ";": 0}[end]
        assert depth >= 0
        if end == ";":
            found[f"{name} {value.split()[0]}" if name == "proxy_set_header" else name] = value
    assert depth == 0
    assert not plain[plain.rindex("}") + 1 :].strip()
    return found


def test_nginx_lets_through_what_the_service_takes(root: Path) -> None:
    found = directives((root / "config" / "nginx.conf").read_text())
    assert found["client_max_body_size"] == f"{LIMIT >> 20}m"
    assert found["proxy_request_buffering"] == "on"
    assert found["proxy_set_header Host"] == "Host $host"
    assert found["proxy_next_upstream"] == "off"
    assert float(found["proxy_read_timeout"].removesuffix("s")) > CdsSettings().fetch_seconds
    assert gunicorn_settings(Settings(), 2)["keepalive"] > 60, "nginx keeps connections for 60 s; who hangs up first loses a call"


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx here")
def test_nginx_reads_its_file(root: Path, tmp_path: Path) -> None:
    text = re.sub(r"\n *(ssl_.*|listen .*);", "", (root / "config" / "nginx.conf").read_text())
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; events {{}} http {{ {text} }}")
    subprocess.run(["nginx", "-t", "-q", "-c", str(whole), "-p", str(tmp_path)], check=True)  # noqa: S607


def test_systemd_waits_until_calls_are_finished(root: Path) -> None:
    unit = ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(root / "config" / "almoner.service")
    assert set(unit.sections()) == {"Unit", "Service", "Install"}
    service = unit["Service"]
    assert service["ExecStart"].partition(" ")[2].startswith("serve --config ")
    assert int(service["TimeoutStopSec"]) > gunicorn_settings(Settings(), 2)["graceful_timeout"]
    assert (service["Restart"], service["KillMode"], service["LimitCORE"]) == ("always", "mixed", "0")


def test_gunicorn_reads_its_file_and_the_application(root: Path, tmp_path: Path) -> None:
    """What starts a worker, short of listening."""
    command = [sys.executable, "-m", "gunicorn", "--print-config", "--config", str(root / "config" / "gunicorn.conf.py")]
    env = os.environ | environment_of(tmp_path) | {"ALMONER_CDS__CALLS_AT_ONCE": "5", "ALMONER_ENGINE": "reference"}
    done = subprocess.run([*command, "plugin.serve:application()"], env=env, capture_output=True, text=True, check=True)
    shown = dict(re.findall(r"^(\w+)\s+= (.*)$", done.stdout, re.MULTILINE))
    assert (shown["threads"], shown["workers"]) == (str(5 + SPARE_THREADS), "2")
    assert shown["worker_class"] == "gthread"

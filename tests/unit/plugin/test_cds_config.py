"""The settings files that operators copy, and the server."""

import sys
from pathlib import Path

import pytest

from plugin.annotated import annotated
from plugin.runtime import build_runtime
from plugin.serve import ServeError, free_port, serve
from plugin.settings import Settings


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ALMONER_CONFIG", str(path))
    return Settings()


def test_the_annotated_settings_are_current(root: Path) -> None:
    assert (root / "config" / "almoner.yaml").read_text() == annotated(), "run: python -m plugin.annotated > config/almoner.yaml"


def test_the_annotated_settings_are_the_defaults(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    assert loaded(root / "config" / "almoner.yaml", monkeypatch) == defaults


def test_every_settings_file_can_be_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted((root / "config").glob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        runtime = build_runtime(loaded(file, monkeypatch))
        runtime.engine.close()
        assert runtime.packs


def test_the_demo_settings_differ_from_the_defaults(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(root / "config" / "demo.yaml", monkeypatch)
    assert str(settings.as_of) == "2026-06-30"
    assert settings.cds.fhir_servers


def test_a_port_that_is_taken_gives_way_to_a_free_one() -> None:
    first = free_port("127.0.0.1", 0)
    assert free_port("127.0.0.1", first) == first
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port("127.0.0.1", taken) not in (0, taken)


def test_without_gunicorn_serve_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.app.base", None)
    runtime = build_runtime(Settings(engine="reference", state=tmp_path))
    with pytest.raises(ServeError, match="gunicorn does not run on"):
        serve(runtime)

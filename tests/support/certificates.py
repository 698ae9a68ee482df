"""Certificates for tests on loopback."""

import subprocess
from pathlib import Path
from shutil import which

import pytest


def issue(folder: Path) -> Path:
    """A file with a certificate for 127.0.0.1, signed by itself, and its key."""
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    path = folder / "server.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([openssl, "req", *options, "-keyout", path, "-out", folder / "cert.pem"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "cert.pem").read_bytes())
    return path

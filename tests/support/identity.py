"""Identity providers: a real one in a process of its own, and one that says whatever a test wants."""

import json
import os
import re
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT = "almoner-tests"
SECRET = "a secret of the tests"  # noqa: S105
_PROVIDER = """
import logging, warnings
warnings.simplefilter("ignore")
import oidc_provider_mock
logging.getLogger("werkzeug").setLevel(logging.INFO)
oidc_provider_mock.app(require_nonce=True).run("127.0.0.1", 0, use_reloader=False)
"""


@contextmanager
def real_provider(people: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The address of a provider (oidc-provider-mock, a server that others wrote) that knows ``people``: name → claims."""
    command = [sys.executable, "-c", _PROVIDER]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    )
    try:
        url = _address(process)
        for name, claims in people.items():
            requests.put(f"{url}/users/{name}", json=claims, timeout=30).raise_for_status()
        yield url
    finally:
        process.kill()
        process.communicate()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr
    end, said = time.monotonic() + 60, ""
    while time.monotonic() < end and (line := process.stderr.readline()):
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            Thread(target=process.stderr.read, daemon=True).start()
            return found[0]
    raise RuntimeError(f"the provider did not start: {said[-2000:]}")


def agreed_there(address: str, name: str) -> str:
    """Sign in at the real provider's page as ``name``; the address to which it sends the browser back."""
    answer = requests.post(address, data={"sub": name}, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


@dataclass
class Provider:
    """One of our own, strict about PKCE, whose tokens a test can bend."""

    url: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    kid: str = "one"
    claims: dict[str, Any] = field(default_factory=dict)
    """What is said besides what every token says, or instead of it."""
    signed: Callable[["Provider", dict[str, Any]], str] = lambda self, said: jwt.encode(said, self.key, "RS256", {"kid": self.kid})
    metadata: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def agree(self, address: str, **more: str) -> str:
        """The browser came by ``address``, and somebody agreed; where it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = sha256(address.encode()).hexdigest()
        self.codes[code] = asked
        answered = {"code": code, "state": asked["state"]} | more
        return asked["redirect_uri"] + "?" + "&".join(f"{name}={value}" for name, value in answered.items())

    def turn_keys(self) -> None:
        """Sign with another key from now on."""
        self.key, self.kid = rsa.generate_private_key(65537, 2048), self.kid + "+"

    def document(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": self.url, **{name: self.url + path for name, path in places.items()}} | self.metadata

    def keys(self) -> dict[str, Any]:
        return {"keys": [json.loads(RSAAlgorithm.to_jwk(self.key.public_key())) | {"kid": self.kid, "use": "sig"}]}

    def token(self, sent: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(sent.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["code_challenge_method"] != "S256":
            self.refused.append("code")
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        said = {"iss": self.url, "sub": "ann-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"], "roles": ["nurses"]}
        said = {name: value for name, value in (said | self.claims).items() if value is not None}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.signed(self, said)}


@contextmanager
def own_provider() -> Iterator[Provider]:
    """It serves on this machine while the block runs."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {"/.well-known/openid-configuration": provider.document, "/keys": provider.keys}.get(self.path)
            self._answer(200, found()) if found else self._answer(404, {})

        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._answer(*provider.token({name: values[0] for name, values in sent.items()}))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

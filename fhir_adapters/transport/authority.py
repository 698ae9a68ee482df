"""Whose word the requests carry."""

from collections.abc import Callable
from typing import Protocol

import requests
from requests.auth import AuthBase


class Authority(Protocol):
    """Gives bearer tokens for one server."""

    def token(self) -> str:
        """A token that is valid now. Raises `fhir_adapters.errors.EhrUnavailable` if none is to be had."""
        ...

    def refused(self, token: str) -> bool:
        """The server did not accept ``token``: whether another one may be worth trying."""
        ...


class Given:
    """Tokens from elsewhere, such as a CDS Hooks call: asked for anew at each request, and never replaced."""

    def __init__(self, give: Callable[[], str]) -> None:
        self._give = give

    def token(self) -> str:
        """The token given."""
        return self._give()

    def refused(self, token: str) -> bool:
        """There is no other."""
        return False


class Bearer(AuthBase):
    """Sets the token here and not as a session header, which a ``.netrc`` of the user would replace."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its token."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

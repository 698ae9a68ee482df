"""What the suite's own set-up promises: no connection leaves the machine, warnings fail, fast tests run first."""

import socket
import warnings

import pytest
from pytest_socket import SocketConnectBlockedError


def test_a_connection_to_another_address_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(SocketConnectBlockedError):
        connection.connect(("127.0.0.2", 9))


def test_a_server_of_our_own_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, peer = server.accept()
        with accepted:
            assert peer == client.getsockname()


def test_a_warning_is_an_error() -> None:
    with pytest.raises(UserWarning, match="odd"):
        warnings.warn("odd", stacklevel=1)


def test_slow_tests_come_last(request: pytest.FixtureRequest) -> None:
    slow = [item.get_closest_marker("slow") is not None for item in request.session.items]
    assert slow == sorted(slow)

"""The server that tests look at pages through leaves nothing open behind them."""

import socket
import struct
from collections.abc import Iterator
from threading import Event
from urllib.parse import urlsplit

from flask import Flask, Response
from support.serving_app import serving_app


class Answer(Iterator[bytes]):
    """An answer that ends when its reader is gone, and knows whether it was closed."""

    def __init__(self) -> None:
        self.gone, self.closed = Event(), Event()
        self.parts = iter([b"first"])

    def __next__(self) -> bytes:
        for part in self.parts:
            return part
        assert self.gone.wait(10)
        raise StopIteration

    def close(self) -> None:
        self.closed.set()


def test_an_answer_is_closed_when_the_browser_hangs_up_in_the_middle_of_it() -> None:
    app, answer = Flask(__name__), Answer()
    app.add_url_rule("/", view_func=lambda: Response(answer, headers={"Content-Length": "5"}, direct_passthrough=True))
    with serving_app(app) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            read = b""
            while b"first" not in read:
                part = client.recv(1_000)
                assert part
                read += part
        answer.gone.set()
        assert answer.closed.wait(10)

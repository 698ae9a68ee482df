"""The least that a service in Python can do: read a hook call, parse it, answer with no cards."""

import orjson
from flask import Flask, Response, request

app = Flask(__name__)


@app.post("/cds-services/<service>")
def call(service: str) -> Response:
    """The call's body is parsed and forgotten."""
    orjson.loads(request.get_data(cache=False))
    return Response(orjson.dumps({"cards": []}), mimetype="application/json")

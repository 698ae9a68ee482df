"""What pages do for people, for programs: JSON under ``/api/v1``, described in ``/openapi.json``."""

from typing import Final

PATH: Final = "/api/v1"

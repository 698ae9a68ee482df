"""Start the FHIR server of the integration tests; runs in the environment of ``sekmet-fhir``, not in ours.

``python run_sekmet.py peer.yaml``. It adds search parameters that this server lacks, unless ``ALMONER_PEER_BARE`` is set: without
them it ignores ``patient`` for those types and returns everybody's, as some servers in the field do.
"""

import os
import sys

import uvicorn
from sekmet.fhir import search_params  # type: ignore[import-not-found]

EXTRA = {
    "Goal": "patient:reference:subject\nlifecycle-status:token:lifecycleStatus\ncategory:token:category",
    "QuestionnaireResponse": "patient:reference:subject\nsubject:reference:subject\nauthored:date:authored",
}

if not os.environ.get("ALMONER_PEER_BARE"):
    for resource_type, parameters in EXTRA.items():
        search_params._DEFS[resource_type] = parameters + "\n"
    search_params.PARAMS.clear()
    search_params.PARAMS.update(search_params._parse())

from sekmet.config import load_settings  # type: ignore[import-not-found]  # noqa: E402  (reads the parameters)
from sekmet.main import create_app  # type: ignore[import-not-found]  # noqa: E402

settings = load_settings(sys.argv[1])
uvicorn.run(create_app(settings), host="127.0.0.1", port=settings.port, log_level="warning")

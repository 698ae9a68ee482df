"""Hook calls to measure with: about 231 resources each, every one about a person never seen before, with a token of its own.

Nobody has such a chart: it is put together from synthetic people, so that it has the size and the kinds of resource that EHRs send.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import count
from typing import Any, Final
from uuid import uuid4

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fhir_adapters.mapping import subject_of
from fhir_adapters.synthetic import population

AS_OF: Final = date(2026, 6, 30)
ISSUER: Final = "https://ehr.example.org/fhir"
SERVICE: Final = "/cds-services/almoner-patient-view"
RESOURCES: Final = 231
_PLACE: Final = "PATIENT-00"
"""Where the person's id goes; as long as the ids are."""
_OF_KEY: Final = {
    "condition": "Condition",
    "encounter": "Encounter",
    "goal": "Goal",
    "observation": "Observation",
    "procedure": "Procedure",
    "questionnaireResponse": "QuestionnaireResponse",
    "serviceRequest": "ServiceRequest",
}
_SHARES: Final = {"Observation": 130, "Encounter": 60, "Condition": 20, "Procedure": 10, "Goal": 5}
_NUMBERS: Final = count()

Json = dict[str, Any]


def chart() -> list[Json]:
    """The resources of one made-up person, the Patient first: whoever of the population has most, and what others had long ago."""
    of: dict[str, list[Json]] = defaultdict(list)
    for resource in population(400, 1895, AS_OF):
        of[resource["id"] if resource["resourceType"] == "Patient" else subject_of(resource) or ""].append(resource)
    own = max(of.values(), key=len)
    others = [_earlier(each) for found in of.values() if found is not own for each in found]
    found = own[1:]
    for name, share in _SHARES.items():
        found += [each for each in others if each["resourceType"] == name][:share]
    subject = {"reference": f"Patient/{_PLACE}"}
    numbered = ({**each, "id": f"r-{number}", "subject": subject} for number, each in enumerate(found))
    return [{**own[0], "id": _PLACE}, *numbered][:RESOURCES]


def _earlier(resource: Json) -> Json:
    """The same, ten years earlier: it changes nothing of what holds today."""
    found: Json = orjson.loads(orjson.dumps(resource).replace(b'"202', b'"201'))
    return found


def hook_call(resources: Sequence[Json]) -> bytes:
    """The call of a hook with everything about a person in its prefetch."""
    keys: Json = {"patient": resources[0]}
    for key, name in _OF_KEY.items():
        own = [{"resource": each, "search": {"mode": "match"}} for each in resources if each["resourceType"] == name]
        keys[key] = {"resourceType": "Bundle", "type": "searchset", "total": len(own), "entry": own}
    context = {"userId": "Practitioner/example", "patientId": _PLACE, "encounterId": f"of-{_PLACE}"}
    return orjson.dumps({"hook": "patient-view", "hookInstance": str(uuid4()), "fhirVersion": "R4", "context": context, "prefetch": keys})


class Calls:
    """Ready-made requests: what is costly (tokens) is made before the clock starts."""

    def __init__(self, algorithm: str = "ES384") -> None:
        """``algorithm``: ES384 or RS384."""
        self._key: Any = ec.generate_private_key(ec.SECP384R1()) if algorithm == "ES384" else rsa.generate_private_key(65537, 2048)
        self._algorithm = algorithm
        self._parts = hook_call(chart()).split(_PLACE.encode())
        self.size = len(self.body())

    def jwks(self) -> Json:
        """The public half of the key that signs."""
        maker = jwt.get_algorithm_by_name(self._algorithm)
        public = orjson.loads(maker.to_jwk(self._key.public_key()))
        return {"keys": [public | {"kid": "bench", "use": "sig", "alg": self._algorithm}]}

    def body(self) -> bytes:
        """A call about a person of whom nobody heard before."""
        return f"{next(_NUMBERS):010d}".encode().join(self._parts)

    def heads(self, number: int, url: str) -> Iterator[bytes]:
        """As many heads of requests as are wanted, each good for one call of the service below ``url``."""
        host = url.removeprefix("http://")
        for _ in range(number):
            now = int(time.time())
            claims = {"iss": ISSUER, "aud": url + SERVICE, "iat": now, "exp": now + 300, "jti": uuid4().hex}
            token = jwt.encode(claims, self._key, self._algorithm, {"kid": "bench"})
            yield (
                f"POST {SERVICE} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {self.size}\r\n\r\n"
            ).encode()

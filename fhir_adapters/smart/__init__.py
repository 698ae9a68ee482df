"""SMART Backend Services: who we are to a FHIR server (keys), what we may ask for (scopes), and the tokens that say so."""

from fhir_adapters.smart.backend import BackendServices, Grant
from fhir_adapters.smart.discovery import Endpoints, discover
from fhir_adapters.smart.keys import SigningKey, read_key
from fhir_adapters.smart.ring import KeyRing, NotYet
from fhir_adapters.smart.scopes import Plan, missing, plan

__all__ = ["BackendServices", "Endpoints", "Grant", "KeyRing", "NotYet", "Plan", "SigningKey", "discover", "missing", "plan", "read_key"]

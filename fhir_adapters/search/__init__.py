"""Reading by REST search. Nothing that a server says about completeness is taken on trust."""

from fhir_adapters.search.plan import Plan
from fhir_adapters.search.query import Page, Query, find, pages
from fhir_adapters.search.reader import read_patients

__all__ = ["Page", "Plan", "Query", "find", "pages", "read_patients"]

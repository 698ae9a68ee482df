"""The rule language of Almoner, and its engines.

Pure: no network, no web framework, no clock (``as_of`` is always a parameter).
"""

PRODUCT = "almoner"
"""Tells this package from PyPI's other ``rules`` (django-rules); checked by ``plugin``."""

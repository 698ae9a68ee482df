"""The application: CDS Hooks service, sweeps, worklist, referrals and the command line."""

import rules

__version__ = "0.1.0"

if getattr(rules, "PRODUCT", None) != "almoner":
    raise ImportError(
        f"'rules' at {rules.__file__} is not almoner's: uninstall the PyPI distribution 'rules' (django-rules) "
        "or install almoner in its own environment"
    )

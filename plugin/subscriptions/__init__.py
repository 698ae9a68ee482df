"""The receiver of FHIR Subscriptions, and what is done about what it hears."""

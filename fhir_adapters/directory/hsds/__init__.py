"""Open Referral HSDS 2.0.1 and 3.x: tables as CSV, or nested JSON as its API gives it; both become rows, and rows become services."""

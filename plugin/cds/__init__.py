"""The CDS Hooks service: a hook call in, at most a few cards out.

Steps, each without HTTP: `request` (parse) → `availability` (what came with the call) → `gathering` (read what is missing) →
`service` (evaluate) → `compiler` (the card for one client) → `validate`. Only `views` knows Flask.
"""

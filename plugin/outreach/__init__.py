"""Acting on what a sweep found: one conversation with each person, and what became of it."""

"""Cards as clients would show them: in the terminal, in a file, and on a page beside one another. Nothing is kept."""

"""What the pages for signing in say, in the language that the browser asks for."""

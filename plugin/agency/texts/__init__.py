"""What the agency's pages say, in the language that the browser asks for."""

"""What is written to people: which words, over which channel, who may read them, and whether they went out."""

"""What became of cards: counted, with intervals, small numbers withheld."""

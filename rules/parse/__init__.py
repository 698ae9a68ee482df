"""Nodes → document. Every mistake of a file is collected and told at once; one mistake never causes a second message."""

from rules.parse.measure import parse_measure
from rules.parse.rule import parse_pack, parse_rule
from rules.parse.vocabulary import parse_vocabulary

__all__ = ["parse_measure", "parse_pack", "parse_rule", "parse_vocabulary"]

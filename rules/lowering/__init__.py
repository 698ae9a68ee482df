"""Document → program: names become codes, lines become typed comparisons, defaults become explicit."""

from rules.lowering.measures import lower_measures
from rules.lowering.program import lower

__all__ = ["lower", "lower_measures"]

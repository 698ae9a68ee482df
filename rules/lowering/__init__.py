"""Document → program: names become codes, lines become typed comparisons, defaults become explicit."""

from rules.lowering.program import lower

__all__ = ["lower"]

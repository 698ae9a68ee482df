"""The columnar engine: facts and rules of everybody in one SQL statement, written by our own small emitter."""

from rules.engines.columnar.engine import ColumnarEngine

__all__ = ["ColumnarEngine"]

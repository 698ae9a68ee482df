"""The engines, by name. All give the same answers; they differ in speed and in where they can run."""

from collections.abc import Callable
from typing import Final

from rules.engines.base import Engine, Evaluation

__all__ = ["ENGINES", "Engine", "Evaluation", "engine"]


def _reference() -> Engine:
    from rules.engines.reference import ReferenceEngine

    return ReferenceEngine()


def _durable() -> Engine:
    from rules.engines.rete import DurableEngine

    return DurableEngine()


def _verify() -> Engine:
    from rules.engines.rete import DurableEngine
    from rules.engines.verify import VerifyEngine

    return VerifyEngine(_reference(), DurableEngine())


def _columnar() -> Engine:
    from rules.engines.columnar import ColumnarEngine

    return ColumnarEngine()


def _spark() -> Engine:
    from rules.engines.columnar.spark import SparkEngine

    return SparkEngine()


ENGINES: Final[dict[str, Callable[[], Engine]]] = {
    "reference": _reference,
    "durable": _durable,
    "verify": _verify,
    "columnar": _columnar,
    "spark": _spark,
}
"""What each engine's name makes. Imported only when asked for: the columnar engine costs a database, the durable one a C extension."""


def engine(name: str) -> Engine:
    """The engine called ``name``.

    Raises:
        KeyError: there is none of that name.
        EngineUnavailable: it cannot run here.
    """
    return ENGINES[name]()

"""Packs on disk: where the files are, what they say together, and the program they make.

::

    packs/<pack>/pack.yaml            the header, what all rules share, and which packs are imported
                 valuesets/*.yaml     value sets, questions and facts by name
                 valuesets/expansions/  what a terminology server was asked for (`rules.pins`)
                 rules/<rule id>.yaml one rule each, with its examples
                 measures/<id>.yaml   one quality measure each, with its examples
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Final

from rules import document as doc
from rules.errors import Diagnostic, RuleError, Span
from rules.examples import ExampleCase, MeasureCase, examples_of, measure_examples_of
from rules.imports import Reader, read
from rules.ir import Program
from rules.lowering import lower, lower_measures
from rules.lowering.measures import measure_scope
from rules.measures import Measure
from rules.parse import parse_measure, parse_rule
from rules.parse.fields import Problems
from rules.scope import Scope
from rules.source import PACK_FILE, MapNode
from rules.source import read as read_text
from rules.word_tables import names_of, with_word_tables

BUILT_IN: Final = Path(__file__).parent / "packs"
"""The packs that come with the product."""
DRAFT: Final = "draft"
"""The path in the places of a rule that stands in no file."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack ready to run."""

    document: doc.Pack
    program: Program
    cases: tuple[ExampleCase, ...]
    path: Path
    measures: tuple[Measure, ...] = ()
    measure_cases: tuple[MeasureCase, ...] = ()

    def rule(self, rule_id: str) -> doc.Rule:
        """A rule as written.

        Raises:
            KeyError: the pack has no such rule.
        """
        for rule in self.document.rules:
            if rule.id.text == rule_id:
                return rule
        raise KeyError(rule_id)

    def measure(self, measure_id: str) -> doc.Measure:
        """A measure as written.

        Raises:
            KeyError: the pack has no such measure.
        """
        for measure in self.document.measures:
            if measure.id.text == measure_id:
                return measure
        raise KeyError(measure_id)

    def measures_in(self, period: doc.Period) -> tuple[Measure, ...]:
        """The measures, of another period than the one written."""
        measures = tuple(replace(measure, period=None) for measure in self.document.measures)
        return lower_measures(replace(self.document, period=period, measures=measures))


def load_packs(path: Path) -> tuple[Pack, ...]:
    """Every pack at ``path``: a folder of packs, one pack, or one file of a rule or measure (with the shared names of the pack around it).

    Raises:
        RuleError: with every mistake found in any file.
        FileNotFoundError: there is nothing at ``path``, or no pack in it.
    """
    packs: list[Pack] = []
    mistakes: list[Diagnostic] = []
    reader = Reader()
    with collector_at_rest():
        for folder, files in _find(path):
            try:
                packs.append(_compile(_read_pack(folder, files, reader), folder))
            except RuleError as error:
                mistakes += error.diagnostics
    mistakes += _repeated_ids(packs)
    if mistakes:
        raise RuleError(mistakes)
    return tuple(packs)


def load_draft(folder: Path, text: str) -> Pack:
    """One rule that stands in no file yet, with the shared names of the pack in ``folder``. Its places have the path `DRAFT`.

    The text may come from anybody: what it says is looked up in itself and in the pack, never in another file.

    Raises:
        RuleError: with every mistake found.
    """
    problems = Problems()
    with collector_at_rest():
        rule = _draft(text, problems)
        for valueset in rule.vocabulary.valuesets if rule else ():
            if valueset.file is not None or valueset.definition is not None:
                hint = "write the codes out, or use a set of the pack by name"
                problems.add((valueset.file or valueset.name).span, "ALM260", "a draft cannot read files", hint)
        return _compile(_with_shared(folder, [rule], Reader(), problems), folder)


def _draft(text: str, problems: Problems) -> doc.Rule | None:
    try:
        return parse_rule(read_text(text, DRAFT), problems)
    except RuleError as error:
        problems.found += error.diagnostics
    return None


def read_packs(path: Path) -> tuple[tuple[Path, doc.Pack], ...]:
    """The packs at ``path`` as written, each with its folder. Names and expansions are not looked up.

    Raises:
        RuleError, FileNotFoundError: as `load_packs`.
    """
    reader = Reader()
    return tuple((folder, _read_pack(folder, files, reader)) for folder, files in _find(path))


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Nodes and documents are trees that stay: looking through them for cycles, again and again, took a third of the time.

    What was made meanwhile counts as old afterwards, without being looked through for that; nothing is frozen for good.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _find(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each pack folder with the files of rules and measures to load from it."""
    if path.is_file():
        if path.name == PACK_FILE:
            yield path.parent, _files(path.parent)
        else:
            folder = next((p for p in path.absolute().parents if (p / PACK_FILE).is_file()), path.parent)
            yield folder, [path]
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    headers = sorted(path.rglob(PACK_FILE))
    if not headers:
        raise FileNotFoundError(f"{path}: no {PACK_FILE} in this folder or below")
    for header in headers:
        yield header.parent, _files(header.parent)


def _files(folder: Path) -> list[Path]:
    return [file for kind in ("rules", "measures") for file in sorted((folder / kind).glob("*.yaml"), key=attrgetter("name"))]


def _read_pack(folder: Path, files: list[Path], reader: Reader) -> doc.Pack:
    problems = Problems()
    found = [(f, read(f, _parse, problems)) for f in files]
    for file, each in found:
        if each is not None and each.id.text not in ("", file.stem):
            kind = "rule" if isinstance(each, doc.Rule) else "measure"
            message = f"the {kind} is called '{each.id}' but its file '{file.name}'"
            problems.add(each.id.span, "ALM240", message, "give both the same name")
    return _with_shared(folder, [each for _, each in found], reader, problems)


def _parse(node: MapNode, problems: Problems) -> doc.Rule | doc.Measure:
    """A rule, or a measure if it stands among the measures or says that it is one."""
    among_measures = Path(node.span.path).parent.name == "measures"
    return parse_measure(node, problems) if among_measures or node.get("measure") else parse_rule(node, problems)


def _with_shared(folder: Path, found: Sequence[doc.Rule | doc.Measure | None], reader: Reader, problems: Problems) -> doc.Pack:
    """Rules and measures together with what the pack in ``folder`` shares; ``None`` stands for one that could not be read."""
    pack = reader.shared(folder, problems) if (folder / PACK_FILE).is_file() else _standalone()
    if problems.found or pack is None:
        raise RuleError(problems.found)
    names = names_of(each.vocabulary for each in (*pack.libraries(), pack))
    whole = [replace(each, vocabulary=with_word_tables(each.vocabulary, names)) for each in found if each]
    rules = tuple(each for each in whole if isinstance(each, doc.Rule))
    return replace(pack, rules=rules, measures=tuple(each for each in whole if isinstance(each, doc.Measure)))


def _standalone() -> doc.Pack:
    return doc.Pack("standalone", "0.0.0", "One rule on its own", "", "", "", "", None, doc.Vocabulary())


def _compile(pack: doc.Pack, folder: Path) -> Pack:
    """A pack without rules and measures is there for others: its names are checked, and nothing is computed."""
    program = lower(pack, reads_files=bool(pack.rules or pack.measures))
    if not (pack.rules or pack.measures):
        return Pack(pack, Program((), (), ()), (), folder)
    measures = lower_measures(pack)
    problems = Problems()
    shared = Scope.of_pack(pack, problems)
    scopes = {r.id.text: Scope.of(r.vocabulary, shared, problems, prefix=f"{r.id}/") for r in pack.rules}
    cases = [case for r in pack.rules for case in examples_of(r, scopes[r.id.text], problems)]
    measure_cases = [case for m in pack.measures for case in measure_examples_of(m, measure_scope(m, shared, problems), problems)]
    if problems.found:
        raise RuleError(problems.found)
    return Pack(pack, program, tuple(cases), folder, measures, tuple(measure_cases))


def _repeated_ids(packs: list[Pack]) -> Iterator[Diagnostic]:
    seen: dict[str, Span] = {}
    for pack in packs:
        for name in [rule.id for rule in pack.document.rules] + [measure.id for measure in pack.document.measures]:
            if earlier := seen.get(name.text):
                yield Diagnostic(name.span, "ALM230", f"'{name}' is defined twice (first at {earlier})")
            seen[name.text] = name.span

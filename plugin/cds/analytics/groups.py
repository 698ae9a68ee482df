"""To which group patients belong, by the current sweep: the ledger itself knows nothing about them but their ids."""

from collections.abc import Collection, Mapping
from typing import Final

from plugin.findings.index import SweepDamaged, folded, index_of
from plugin.sweep.published import Published, WorklistPerson
from plugin.translations import marked
from plugin.wording import LANGUAGES, language
from rules.impact import band_of

GROUPS: Final = ("sex", "age", "language")
NOT_RECORDED: Final = marked("not recorded")
_CODES: Final = {name: code for code, name in LANGUAGES.items()}
SEXES: Final = (marked("female"), marked("male"), marked("other"))


class SweptGroups:
    """Groups of the people on the current worklist. Who is not on it is of none."""

    def __init__(self, published: Published, by: str) -> None:
        """``by`` is one of `GROUPS`."""
        self._published, self._by = published, by

    def __call__(self, patients: Collection[str]) -> Mapping[str, str]:
        """Patient → group, of those whom the sweep knows."""
        folder = self._published.current
        if folder is None:
            return {}
        try:
            index = index_of(folder)
        except SweepDamaged:
            return {}
        wanted = {folded(patient) for patient in patients}
        rows = [row for row, name in enumerate(index.names) if name.rpartition("\0")[2] in wanted]
        return {person.id: self._group(person) for _, person in index.people(rows) if person.id in set(patients)}

    def _group(self, person: WorklistPerson) -> str:
        if self._by == "age":
            return NOT_RECORDED if person.age is None else band_of(person.age)
        return (person.sex if self._by == "sex" else language(person.language)) or NOT_RECORDED


def spoken_name(group: str, spoken: str) -> str:
    """A group by language, such as ``Spanish (MX)``, in the language ``spoken``; what is no language stays as it is."""
    name, bracket, region = group.partition(" (")
    return f"{language(_CODES.get(name, name), spoken)}{bracket}{region}"

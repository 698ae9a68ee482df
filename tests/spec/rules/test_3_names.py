"""Names"""

from support.spec import NO, YES, Spec, case, diagnosed


def test_shared_and_local(spec: Spec) -> None:
    """A rule sees its own names and those of its pack. Its own belong to it alone: inside the program they carry the rule's id in front."""
    spec(
        """
        facts:
          mine: {when: shared}
        when: mine
        """,
        case("on record", YES, diagnosed(), facts={"shared": True, "spec/mine": True}),
        case("not on record", NO, facts={"shared": False, "spec/mine": False}),
        pack="facts: {shared: {exists: conditions, code: diabetes}}",
    )

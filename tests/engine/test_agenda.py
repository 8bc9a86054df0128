"""Which function is repaired when, from what failing tests point at."""

from __future__ import annotations

from pathlib import Path

from flowmill.engine.agenda import MOST, TRIES_A_TEST, Agenda
from flowmill.engine.locate import Suspect


def suspect(name: str, *failing: str) -> Suspect:
    return Suspect(Path("m.py"), name, 1.0, frozenset(failing))


def test_those_that_share_no_failing_test_go_side_by_side() -> None:
    a, b, c = suspect("a", "1", "2"), suspect("b", "2", "3"), suspect("c", "4")
    agenda = Agenda([a, b, c], "1234")
    assert agenda.next() == a
    assert agenda.next([a]) == c
    assert agenda.next([a, c]) is None
    assert agenda.next([c]) == b


def test_what_a_repair_has_mended_on_its_way_is_left_alone() -> None:
    a, b, c = suspect("a", "1", "2"), suspect("b", "2"), suspect("c", "3")
    agenda = Agenda([a, b, c], "123")
    assert agenda.next() == a
    agenda.still("3")
    assert agenda.next() == c
    assert agenda.left == ()


def test_one_test_does_not_have_the_whole_project_tried() -> None:
    many = [suspect(f"f{n}", "1") for n in range(TRIES_A_TEST + 2)]
    other = suspect("other", "2")
    agenda = Agenda([*many, other], "12")
    assert [agenda.next() for _ in many] == [*many[:TRIES_A_TEST], other, None]
    assert agenda.left == tuple(many[TRIES_A_TEST:])


def test_there_is_an_end_to_it() -> None:
    tests = [str(n) for n in range(MOST + 1)]
    agenda = Agenda([suspect(f"f{test}", test) for test in tests], tests)
    assert sum(agenda.next() is not None for _ in tests) == MOST


def test_once_more_comes_before_all_others() -> None:
    a, b = suspect("a", "1"), suspect("b", "2")
    agenda = Agenda([a, b], "12")
    assert agenda.next() == a
    agenda.again(a)
    assert agenda.next() == a

"""Drafts on their ways to the tests: into loaded code, past loaded plugins, in spares, from cold."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from doubles.runs import QUICK, SHORT, alive, tree
from doubles.warm import BAD, BODY, GOOD, MOD, RIGHT, TESTS, WRONG, Warm
from flowmill.shapes import Collected, TestOrder


@pytest.fixture(params=["forks", "spares"])
async def warm(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Warm]:
    found = Warm(tmp_path, forks=request.param == "forks")
    before = tree(found.root)
    yield found
    await found.runner.aclose()
    assert tree(found.root) == before


@pytest.fixture
async def forking(tmp_path: Path) -> AsyncIterator[Warm]:
    found = Warm(tmp_path)
    yield found
    await found.runner.aclose()


@pytest.mark.parametrize(("more", "path"), [("", "swap"), ("\n\nMORE = 1\n", "import")])
async def test_only_what_is_made_runs_where_no_file_is_named(warm: Warm, more: str, path: str) -> None:
    await warm.baseline()
    text = (warm.text.replace(BODY, GOOD) + more).encode()
    made = "import mod\ndef test_made(): assert mod.total([3, 4]) == 7\n"
    after = await warm.told(TestOrder({warm.mod: text}, (), made=made, limits=QUICK))
    assert (after.outcomes, after.end.path) == ({"made::test_made": "passed"}, path)
    assert (after.end.problem, after.end.doubt) == (None, "")


MANY = 4_000
"""More tests than a pipe holds the names of."""


@pytest.fixture(params=["forks", "spares"])
async def warm_of_many(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Warm]:
    many = f"import pytest\n@pytest.mark.parametrize('n', range({MANY}))\ndef test_many(n): pass\n"
    found = Warm(tmp_path, forks=request.param == "forks", tests=TESTS + many)
    yield found
    await found.runner.aclose()


async def test_a_draft_is_put_into_the_loaded_code(warm: Warm) -> None:
    before = await warm.baseline()
    assert (before.outcomes, before.end.path) == (WRONG, "swap")
    assert before.end.reached == {
        f"test_mod.py::{name}" for name in ("test_total", "test_alias", "test_registry")
    }
    for body, outcomes in ((GOOD, RIGHT), (BAD, WRONG | {"test_registry": "passed"}), (GOOD, RIGHT)):
        after = await warm.draft(body)
        assert (after.outcomes, after.end.path, after.end.problem) == (outcomes, "swap", None)
        assert after.end.doubt == ""


async def test_a_draft_that_changes_more_is_imported_anew(warm: Warm) -> None:
    await warm.baseline()
    after = await warm.draft(GOOD, more="\n\nMORE = 1\n")
    assert (after.outcomes, after.end.path) == (RIGHT, "import")
    assert after.end.slower == "it changes code outside of the function"


async def test_tracebacks_show_the_draft_at_its_own_lines(forking: Warm) -> None:
    await forking.baseline()
    after = await forking.draft("    count = len(items)\n    return count / 0\n")
    assert f"mod.py:{forking.target.end + 1}: in total" in after.result("test_alias").details
    assert "return count / 0" in after.result("test_alias").details


async def test_a_function_that_runs_at_import_is_imported_anew(tmp_path: Path) -> None:
    mod = MOD.replace(
        "alias = total\n",
        "alias = total\ntry:\n    FIRST = total([5])\nexcept NotImplementedError:\n    FIRST = 0\n",
    )
    warm = Warm(tmp_path, mod=mod, tests=TESTS + "\ndef test_first(): assert mod.FIRST == 5\n")
    await warm.baseline()
    after = await warm.draft(GOOD)
    assert after.outcomes == RIGHT | {"test_first": "passed"}
    assert (after.end.path, after.end.slower) == ("import", "the function runs while the tests are loaded")
    await warm.runner.aclose()


async def test_a_thread_forbids_forks(tmp_path: Path) -> None:
    thread = "import threading\nSTOP = threading.Event()\nthreading.Thread(target=STOP.wait, daemon=True).start()\n"
    warm = Warm(tmp_path, tests=thread + TESTS)
    await warm.baseline()
    after = await warm.draft(GOOD)
    assert after.outcomes == RIGHT
    assert (after.end.path, after.end.slower) == ("import", "the loaded tests have started a thread")
    await warm.runner.aclose()


@pytest.mark.parametrize("forks", [True, False])
async def test_tests_that_cannot_be_loaded_run_from_cold(tmp_path: Path, *, forks: bool) -> None:
    warm = Warm(tmp_path, tests="import no_such_module\n", forks=forks)
    before = await warm.baseline()
    assert (before.end.problem, before.end.path) == ("collection", "cold")
    assert "no_such_module" in before.end.detail
    assert "No module named 'no_such_module'" in before.end.slower
    assert not [name for name in os.listdir("/proc") if name.isdigit() and _of(name, tmp_path)]
    await warm.runner.aclose()


async def test_without_a_baseline_a_draft_runs_from_cold(forking: Warm) -> None:
    after = await forking.draft(GOOD)
    assert (after.outcomes, after.end.path) == (RIGHT, "cold")


async def test_a_clean_run_shares_nothing(forking: Warm) -> None:
    await forking.baseline()
    text = forking.text.replace(BODY, GOOD)
    order = TestOrder({forking.mod: text.encode()}, ("test_mod.py",), clean=True, limits=QUICK)
    after = await forking.told(order)
    assert (after.outcomes, after.end.path) == (RIGHT, "cold")


async def test_open_buffers_of_tests_are_what_runs(forking: Warm) -> None:
    tests = forking.root / "test_mod.py"
    unsaved = b"import mod\ndef test_unsaved(): assert mod.total([4]) == 4\n"
    order = TestOrder({tests: unsaved}, ("test_mod.py",), trace=forking.target, untrusted=False, limits=QUICK)
    assert (await forking.told(order)).outcomes == {"test_unsaved": "failed"}
    text = forking.text.replace(BODY, GOOD).encode()
    after = await forking.told(TestOrder({tests: unsaved, forking.mod: text}, ("test_mod.py",), limits=QUICK))
    assert (after.outcomes, after.end.path) == ({"test_unsaved": "passed"}, "swap")
    newer = unsaved.replace(b"4", b"6")
    after = await forking.told(TestOrder({tests: newer, forking.mod: text}, ("test_mod.py",), limits=QUICK))
    assert (after.outcomes, after.end.path) == ({"test_unsaved": "passed"}, "import")
    assert after.end.slower == "other open files have changed"


async def test_what_changes_on_disk_is_loaded_anew(forking: Warm) -> None:
    await forking.baseline()
    with (forking.root / "test_mod.py").open("a") as file:
        file.write("\ndef test_new(): pass\n")

    async def until_new() -> None:
        while "test_new" not in (after := await forking.draft(GOOD)).outcomes:
            assert after.end.path == "swap"

    await asyncio.wait_for(until_new(), 60)


async def until_passed(warm: Warm, order: TestOrder) -> None:
    """Drafts are run until what was loaded is up to date."""

    async def until() -> None:
        while set((await warm.told(order)).outcomes.values()) != {"passed"}:
            pass

    await asyncio.wait_for(until(), 60)


async def test_what_was_saved_while_it_was_loaded_is_loaded_anew(forking: Warm) -> None:
    """Here the tests themselves save it, once, after they have read it.

    In another length: by its size and second alone Python takes bytecode for that of a newer text.
    """
    (forking.root / "word.py").write_text("WORD = 'old'\n")
    (forking.root / "test_mod.py").write_text(
        "import pathlib, mod, word\n"
        "path = pathlib.Path(word.__file__)\n"
        "if 'old' in path.read_text(): path.write_text(\"WORD = 'newer'\\n\")\n"
        "def test_word(): assert word.WORD == 'newer'\n"
    )
    assert (await forking.baseline()).outcomes == {"test_word": "failed"}
    text = forking.text.replace(BODY, GOOD).encode()
    await until_passed(forking, TestOrder({forking.mod: text}, ("test_mod.py",), limits=QUICK))


async def test_a_new_conftest_beside_the_tests_is_noticed(forking: Warm) -> None:
    folder = forking.root / "below"
    folder.mkdir()
    (folder / "test_given.py").write_text(
        "import os, sys\nsys.path.insert(0, os.getcwd())\nimport mod\n"
        "def test_given(request): assert mod and 'new' in request.fixturenames\n"
    )
    files, target = ("below/test_given.py",), forking.target
    before = await forking.told(TestOrder({}, files, trace=target, untrusted=False, limits=QUICK))
    assert (before.outcomes, before.end.path) == ({"test_given": "failed"}, "swap")
    (folder / "conftest.py").write_text("import pytest\n@pytest.fixture(autouse=True)\ndef new(): pass\n")
    text = forking.text.replace(BODY, GOOD).encode()
    await until_passed(forking, TestOrder({forking.mod: text}, files, limits=QUICK))


async def test_what_is_loaded_later_stays_loaded(forking: Warm) -> None:
    (forking.root / "test_more.py").write_text("import mod\ndef test_more(): assert mod.total([3]) == 3\n")
    await forking.baseline()
    await forking.draft(GOOD, more="\n\nMORE = 1\n")
    slow = forking.runner._preloading
    assert slow is not None
    files, target = ("test_more.py",), forking.target
    await forking.told(TestOrder({}, files, trace=target, untrusted=False, limits=QUICK))
    await asyncio.wait([slow])
    text = forking.text.replace(BODY, GOOD).encode()
    after = await forking.told(TestOrder({forking.mod: text}, files, limits=QUICK))
    assert (after.outcomes, after.end.path) == ({"test_more": "passed"}, "swap")


async def test_drafts_at_once_do_not_see_each_other(forking: Warm) -> None:
    await forking.baseline()
    bodies = [GOOD, BAD] * 4
    found = await asyncio.gather(*(forking.draft(body) for body in bodies))
    assert [after.outcomes["test_total"] for after in found] == ["passed", "failed"] * 4


@pytest.mark.parametrize("more", ["", "\n\nMORE = 1\n"], ids=["swap", "import"])
async def test_a_crash_or_a_hang_takes_one_test(warm: Warm, more: str) -> None:
    await warm.baseline()
    crash = "    import os\n    if items == [2]:\n        os.kill(os.getpid(), 9)\n    return sum(items)\n"
    after = await warm.draft(crash, more=more)
    assert after.outcomes == RIGHT | {"test_alias": "crashed"}
    hang = "    while items == [2]:\n        pass\n    return sum(items)\n"
    after = await warm.draft(hang, more=more, limits=SHORT)
    assert after.outcomes == RIGHT | {"test_alias": "timeout"}
    assert (await warm.draft(GOOD)).outcomes == RIGHT


async def test_closing_early_ends_the_draft_and_not_the_zygote(forking: Warm) -> None:
    await forking.baseline()
    body = "    import os\n    print(os.getpid(), flush=True)\n    while True:\n        pass\n"
    text = forking.text.replace(BODY, body)
    order = TestOrder({forking.mod: text.encode()}, ("test_mod.py",), limits=QUICK)
    async with aclosing(forking.runner.run(order)) as messages:
        async for message in messages:
            if isinstance(message, Collected):
                break
    assert (await forking.draft(GOOD)).outcomes == RIGHT


async def test_nothing_is_left(tmp_path: Path) -> None:
    warm = Warm(tmp_path)
    await warm.baseline()
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and _of(name, tmp_path)]
    assert pids
    await warm.draft(GOOD, more="\n\nMORE = 1\n")
    await warm.runner.aclose()
    assert not [pid for pid in pids if alive(pid)]


def _of(pid: str, folder: Path) -> bool:
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def test_a_lost_zygote_is_made_up_for(forking: Warm) -> None:
    await forking.baseline()
    for name in os.listdir("/proc"):
        if name.isdigit() and _of(name, forking.root.parent):
            os.kill(int(name), 9)
    after = await forking.draft(GOOD)
    assert (after.outcomes, after.end.path) == (RIGHT, "cold")


async def test_other_tests_than_those_loaded_run_from_cold(forking: Warm) -> None:
    (forking.root / "test_more.py").write_text("import mod\ndef test_more(): assert mod.total([3]) == 3\n")
    await forking.baseline()
    text = forking.text.replace(BODY, GOOD).encode()
    everything = await forking.told(TestOrder({forking.mod: text}, limits=QUICK))
    assert everything.outcomes == RIGHT | {"test_more": "passed"}
    assert (everything.end.path, everything.end.slower) == ("cold", "other test files were loaded")
    one = TestOrder({forking.mod: text}, ("test_mod.py",), ("test_mod.py::test_alias",), limits=QUICK)
    assert (await forking.told(one)).outcomes == {"test_alias": "passed"}


async def test_thousands_of_tests_are_loaded_at_once(warm_of_many: Warm) -> None:
    warm = warm_of_many
    keep = ("test_mod.py::test_total", f"test_mod.py::test_many[{MANY - 1}]")
    order = TestOrder({}, ("test_mod.py",), keep, trace=warm.target, untrusted=False, limits=QUICK)
    before = await asyncio.wait_for(warm.told(order), 60)
    assert (before.end.problem, before.end.path, before.end.slower) == (None, "swap", "")
    text = warm.text.replace(BODY, GOOD).encode()
    after = await warm.told(TestOrder({warm.mod: text}, ("test_mod.py",), keep, limits=QUICK))
    assert after.outcomes == {"test_total": "passed", f"test_many[{MANY - 1}]": "passed"}
    assert after.end.path == "swap"


async def test_all_tests_that_are_loaded_serve_a_draft_of_some(forking: Warm) -> None:
    (forking.root / "test_more.py").write_text("import mod\ndef test_more(): assert mod.total([3]) == 3\n")
    await forking.told(TestOrder({}, trace=forking.target, untrusted=False, limits=QUICK))
    text = forking.text.replace(BODY, GOOD).encode()
    keep = ("test_more.py::test_more", "test_mod.py::test_alias")
    after = await forking.told(
        TestOrder({forking.mod: text}, ("test_more.py", "test_mod.py"), keep, limits=QUICK)
    )
    assert after.outcomes == {"test_more": "passed", "test_alias": "passed"}
    assert after.end.path == "swap"


async def test_files_that_drafts_need_besides_are_loaded_meanwhile(forking: Warm) -> None:
    (forking.root / "test_more.py").write_text("import mod\ndef test_more(): assert mod.total([3]) == 3\n")
    await forking.baseline()
    text = forking.text.replace(BODY, GOOD).encode()
    keep = ("test_more.py::test_more", "test_mod.py::test_alias")
    order = TestOrder({forking.mod: text}, ("test_more.py", "test_mod.py"), keep, limits=QUICK)

    async def until_swapped() -> dict[str, str]:
        while (after := await forking.told(order)).end.path != "swap":
            assert (after.end.path, after.end.slower) == ("cold", "other test files were loaded")
        return after.outcomes

    found = await asyncio.wait_for(until_swapped(), 60)
    assert found == {"test_more": "passed", "test_alias": "passed"}


async def test_a_file_that_cannot_be_loaded_besides_takes_nothing_away(forking: Warm) -> None:
    (forking.root / "test_broken.py").write_text("import no_such_module\n")
    await forking.baseline()
    text = forking.text.replace(BODY, GOOD).encode()
    keep = ("test_broken.py::test_more", "test_mod.py::test_alias")
    await forking.told(TestOrder({forking.mod: text}, ("test_broken.py", "test_mod.py"), keep, limits=QUICK))
    slow = forking.runner._loading
    assert slow is not None
    await asyncio.wait([slow])
    after = await forking.draft(GOOD)
    assert (after.outcomes, after.end.path) == (RIGHT, "swap")

"""Small projects that use pytest's plugins the way that users do; each has a function that is wrong."""

from __future__ import annotations

import textwrap

from doubles.environments import PluginProject

CALC = '''\
"""Sums."""

import os
import time


def add(a, b):
    """The sum of both."""
    {body}


def twice(a):
    return 2 * a
'''
BODIES = {
    "": "return a - b",
    "good": "return a + b",
    "fatal": "os.abort() if b == 0 else time.sleep(60)",
}
FATAL = {"test_add": "timeout", "test_add_nothing": "crashed"}
BOTH = ("plugins", "plugins-old")


def _project(
    name: str,
    files: dict[str, str],
    *,
    fatal: dict[str, str] | None = None,
    fits: bool = True,
    source: str = CALC,
    bodies: dict[str, str] = BODIES,
    environments: tuple[str, ...] = ("plugins",),
    env: dict[str, str] | None = None,
) -> PluginProject:
    texts = {path: textwrap.dedent(text) for path, text in files.items()}
    package = {"pkg/__init__.py": "", "pkg/calc.py": source.replace("{body}", bodies[""])}
    drafts = {name: source.replace("{body}", body) for name, body in bodies.items() if name and body}
    return PluginProject(
        name,
        {**package, **texts},
        drafts,
        environments=environments,
        env=env or {},
        fatal=FATAL if fatal is None else fatal,
        fits=fits,
    )


SPREAD = _project(
    "xdist, cov, timeout and randomly",
    {
        "pytest.ini": """\
            [pytest]
            addopts = -n 2 --dist=loadfile --cov=pkg --cov-report=xml --cov-report html --cov-fail-under=100
                --timeout=20 -p randomly --randomly-seed=7 --junitxml=out.xml --strict-markers
            required_plugins = pytest-xdist pytest-cov pytest-timeout pytest-randomly
            """,
        ".coveragerc": "[run]\nparallel = true\nbranch = true\ndata_file = measured/data\n",
        "tests/test_calc.py": """\
            import pytest

            from pkg.calc import add, twice

            def test_add(): assert add(1, 2) == 3

            @pytest.mark.xdist_group("pair")
            def test_add_nothing(): assert add(1, 0) == 1

            @pytest.mark.no_cover
            @pytest.mark.timeout(10)
            def test_twice(worker_id, testrun_uid): assert twice(2) == 4

            def test_seeded(pytestconfig): assert pytestconfig.getoption("randomly_seed") == 7
            """,
    },
    environments=BOTH,
    env={"COVERAGE_PROCESS_START": ".coveragerc"},
)

ASYNC_CALC = CALC.replace("import os", "import asyncio\nimport os").replace("def add", "async def add")
ASYNC_BODIES = {
    "": "return a - b",
    "good": "await asyncio.sleep(0)\n    return a + b",
    "fatal": "os.abort() if b == 0 else await asyncio.sleep(60) if b == 2 else time.sleep(60)",
}

ASYNCIO = _project(
    "asyncio, automatic",
    {
        "pytest.ini": """\
            [pytest]
            asyncio_mode = auto
            asyncio_default_fixture_loop_scope = module
            asyncio_default_test_loop_scope = module
            """,
        "test_calc.py": """\
            import asyncio

            import pytest

            from pkg import calc

            @pytest.fixture(scope="module")
            async def server():
                queue = asyncio.Queue()
                async def serve():
                    while True:
                        a, b, reply = await queue.get()
                        reply.set_result(a * b)
                task = asyncio.create_task(serve())
                yield queue
                task.cancel()

            @pytest.fixture
            async def one():
                await asyncio.sleep(0)
                yield 1
                await asyncio.sleep(0)

            async def test_before(server, one):
                reply = asyncio.get_running_loop().create_future()
                await server.put((2, one, reply))
                assert await asyncio.wait_for(reply, 10) == 2

            async def test_add(one): assert await calc.add(one, 2) == 3

            async def test_add_together():
                assert await asyncio.gather(calc.add(1, 0), calc.add(2, 0)) == [1, 2]

            async def test_add_at_once(server): assert await calc.add(1, 1) == 2

            async def test_after(server): await asyncio.sleep(0)

            def test_plain(): assert calc.twice(2) == 4
            """,
    },
    source=ASYNC_CALC,
    bodies=ASYNC_BODIES,
    fatal={"test_add": "timeout", "test_add_together": "crashed", "test_add_at_once": "timeout"},
)
STRICT_ASYNCIO = _project(
    "asyncio, with marks",
    {
        "pytest.ini": "[pytest]\nasyncio_mode = strict\n",
        "test_calc.py": """\
            import asyncio

            import pytest
            import pytest_asyncio

            from pkg import calc

            @pytest_asyncio.fixture
            async def one():
                yield 1

            @pytest.mark.asyncio
            async def test_add(one): assert await calc.add(one, 2) == 3

            class TestMore:
                @pytest.mark.asyncio
                async def test_add_more(self): assert await asyncio.wait_for(calc.add(1, 0), 20) == 1

            @pytest.mark.asyncio
            async def test_after(one): await asyncio.sleep(0)

            def test_plain(): assert calc.twice(2) == 4
            """,
    },
    source=ASYNC_CALC,
    bodies=ASYNC_BODIES,
    environments=BOTH,
    fatal={"test_add": "timeout", "TestMore::test_add_more": "crashed"},
)
ANYIO = _project(
    "anyio, on both backends",
    {
        "conftest.py": """\
            import pytest

            @pytest.fixture(params=["asyncio", "trio"], scope="module")
            def anyio_backend(request): return request.param
            """,
        "test_calc.py": """\
            import anyio
            import pytest

            from pkg import calc

            pytestmark = pytest.mark.anyio

            @pytest.fixture(scope="module")
            async def limiter(anyio_backend):
                yield anyio.CapacityLimiter(1)

            async def test_before(limiter):
                async with limiter:
                    await anyio.sleep(0)

            async def test_add(limiter): assert await calc.add(1, 2) == 3
            async def test_between(limiter): pass
            async def test_add_at_once(limiter): assert await calc.add(1, 1) == 2

            async def test_after(limiter):
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep, 0)
            """,
    },
    source=ASYNC_CALC.replace("import asyncio", "import anyio"),
    bodies={name: body.replace("asyncio", "anyio") for name, body in ASYNC_BODIES.items()},
    environments=BOTH,
    fatal={
        f"{test}[{backend}]": "timeout"
        for test in ("test_add", "test_add_at_once")
        for backend in ("asyncio", "trio")
    },
)

_TIMED = """\
    import threading
    import time

    import pytest

    from pkg.calc import add, twice

    def test_add(): assert add(1, 2) == 3

    @pytest.mark.timeout(0.5)
    def test_add_marked(): assert add(2, 2) == 4

    def test_add_nothing(): assert add(1, 0) == 1

    @pytest.mark.timeout(0)
    def test_twice(): assert twice(2) == 4

    def test_after(): pass
    """
TIMEOUTS = tuple(
    _project(
        f"timeout, by {method}",
        {
            "pytest.ini": f"[pytest]\ntimeout = 1\ntimeout_method = {method}\ntimeout_func_only = {only}\n",
            "test_calc.py": _TIMED,
        },
        environments=BOTH,
        fatal=FATAL | {"test_add_marked": "timeout"},
    )
    for method, only in (("signal", "true"), ("thread", "false"))
)
HYPOTHESIS = _project(
    "hypothesis",
    {
        "conftest.py": """\
            from hypothesis import settings

            settings.register_profile("quick", max_examples=20, deadline=None, print_blob=True)
            settings.register_profile("slow", max_examples=5000)
            """,
        "pytest.ini": "[pytest]\naddopts = --hypothesis-profile=quick --hypothesis-seed=3 --hypothesis-show-statistics\n",
        "test_calc.py": """\
            import pytest
            from hypothesis import example, given, settings
            from hypothesis import strategies as st
            from hypothesis.stateful import RuleBasedStateMachine, rule

            from pkg.calc import add, twice

            @given(st.integers(), st.integers())
            def test_add(a, b): assert add(a, b) == a + b

            @given(st.lists(st.integers()))
            @example([3])
            def test_add_folded(numbers):
                total = 0
                for number in numbers:
                    total = add(total, number)
                assert total == sum(numbers)

            class Machine(RuleBasedStateMachine):
                def __init__(self):
                    super().__init__()
                    self.total = 0

                @rule(n=st.integers())
                def double(self, n):
                    assert twice(n) - n == n

            TestMachine = Machine.TestCase

            @pytest.mark.parametrize("n", [1, 2])
            @given(x=st.lists(st.booleans()))
            def test_twice(n, x): assert len(x * 2) == twice(len(x))

            def test_profile(): assert settings.default.max_examples == 20
            """,
    },
    environments=BOTH,
    fatal={"test_add": "crashed", "test_add_folded": "timeout"},
)
DJANGO = _project(
    "django",
    {
        "manage.py": "",
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site_of.settings\npython_files = tests.py\n"
        "addopts = --reuse-db --nomigrations\n",
        "site_of/__init__.py": "",
        "site_of/settings.py": """\
            SECRET_KEY = "x"
            INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "pkg"]
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
            ROOT_URLCONF = "site_of.urls"
            ALLOWED_HOSTS = ["*"]
            DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
            USE_TZ = True
            """,
        "site_of/urls.py": """\
            from django.http import HttpResponse
            from django.urls import path

            from pkg.calc import add

            urlpatterns = [path("add/<int:a>/<int:b>", lambda request, a, b: HttpResponse(str(add(a, b))))]
            """,
        "pkg/models.py": """\
            from django.db import models

            from pkg import calc

            class Pair(models.Model):
                a = models.IntegerField()
                b = models.IntegerField()

                @property
                def total(self): return calc.add(self.a, self.b)
            """,
        "pkg/tests.py": """\
            import pytest
            from django.conf import settings as live
            from django.test import SimpleTestCase, TestCase

            from pkg.models import Pair

            @pytest.mark.django_db
            def test_add_stored():
                Pair.objects.create(a=1, b=2)
                assert Pair.objects.get().total == 3

            def test_add_over_http(client): assert client.get("/add/1/0").content == b"1"

            class PairTest(TestCase):
                @classmethod
                def setUpTestData(cls): Pair.objects.create(a=3, b=4)

                def test_add_in_case(self): self.assertEqual(Pair.objects.get().total, 7)
                def test_count(self): self.assertEqual(Pair.objects.count(), 1)

            @pytest.mark.django_db(transaction=True)
            def test_rolled_back(): assert Pair.objects.count() == 0

            def test_settings(settings):
                settings.SECRET_KEY = "y"
                assert live.SECRET_KEY == "y"

            def test_no_database():
                with pytest.raises(RuntimeError):
                    Pair.objects.count()
            """,
    },
    fatal={
        "test_add_stored": "timeout",
        "test_add_over_http": "crashed",
        "PairTest::test_add_in_case": "timeout",
    },
)
MOCKED = _project(
    "env and mock",
    {
        "pytest.ini": "[pytest]\nenv =\n    CALC_MODE = exact\n    D:CALC_LEVEL = 3\n",
        "conftest.py": "import os\n\nMODE = os.environ['CALC_MODE']\n",
        "pkg/__init__.py": "import os\n\nMODE = os.environ['CALC_MODE']\n",
        "test_calc.py": """\
            import os

            import pkg
            from pkg import calc

            def test_add(mocker):
                stub = mocker.patch("pkg.calc.twice", return_value=9)
                assert calc.add(1, 2) == 3
                assert calc.twice(1) == 9
                stub.assert_called_once()

            def test_add_nothing(mocker):
                spy = mocker.spy(calc, "add")
                assert calc.add(1, 0) == 1
                assert spy.spy_return == 1

            def test_replaced(mocker):
                mocker.patch.object(calc, "add", lambda a, b: 5)
                assert calc.add(1, 1) == 5

            def test_environment(): assert (pkg.MODE, os.environ["CALC_LEVEL"]) == ("exact", "3")
            """,
    },
)
RERUNS = _project(
    "rerunfailures",
    {
        "pytest.ini": "[pytest]\naddopts = --reruns 1 -n 2\n",
        "test_calc.py": """\
            import pytest

            from pkg.calc import add

            tries = []

            def test_add(): assert add(1, 2) == 3

            @pytest.mark.flaky(reruns=2)
            def test_flaky():
                tries.append(1)
                assert len(tries) == 3

            def test_after(): pass
            """,
    },
    environments=BOTH,
    fatal={"test_add": "timeout"},
)
WRITERS = _project(
    "benchmark, check and sugar",
    {
        "pytest.ini": """\
            [pytest]
            addopts = --benchmark-autosave --benchmark-json=bench.json --benchmark-save=mine
                --benchmark-histogram --benchmark-max-time=0.05 --benchmark-storage=file://./stored
                --log-file=tests.log --junit-xml=out.xml
            log_file = more.log
            log_file_level = DEBUG
            """,
        "test_calc.py": """\
            import logging

            from pytest_check import check

            from pkg.calc import add, twice

            def test_add(benchmark): assert benchmark(add, 1, 2) == 3

            def test_add_nothing():
                check.equal(add(1, 0), 1)
                check.equal(add(2, 0), 2)

            def test_checked_wrongly():
                check.equal(twice(1), 3)
                check.equal(twice(1), 2)

            def test_logged(caplog):
                logging.getLogger().warning("told")
                assert "told" in caplog.text
            """,
    },
)
FORKED = _project(
    "forked",
    {
        "pytest.ini": "[pytest]\naddopts = --forked --strict-markers\n",
        "test_calc.py": """\
            import pytest

            from pkg.calc import add, twice

            @pytest.mark.forked
            def test_add(): assert add(1, 2) == 3

            @pytest.mark.forked
            def test_twice(): assert twice(2) == 4

            def test_after(): pass
            """,
    },
    environments=("plugins-old",),
    fatal={"test_add": "timeout"},
)
FAKE_FILES = _project(
    "pyfakefs",
    {
        "test_calc.py": """\
            import os
            import pathlib

            import pytest

            from pkg.calc import add, twice

            def test_add(fs):
                fs.create_file("/numbers/total", contents=str(add(1, 2)))
                assert pathlib.Path("/numbers/total").read_text() == "3"
                assert os.listdir("/numbers") == ["total"]

            @pytest.fixture
            def note(fs):
                fs.create_file("/note", contents="4")
                yield "/note"
                assert os.path.exists("/note")

            def test_twice(note):
                with open(note) as file:
                    assert int(file.read()) == twice(2)

            def test_failing(fs): assert os.path.exists("/etc/hostname")

            def test_add_nothing(): assert add(1, 0) == 1
            """,
    },
)
CHECKED_TYPES = _project(
    "typeguard",
    {
        "pytest.ini": "[pytest]\naddopts = --typeguard-packages=pkg\n",
        "test_calc.py": """\
            from pkg.calc import add

            def test_add_is_told(): assert str(add(1, 2)) == "3"

            def test_add(): assert add(1, 0) == 1
            """,
    },
    source=CALC.replace("(a, b)", "(a: int, b: int) -> int"),
    # The tests alone would let this one pass.
    # What is loaded is not what the file says: it checks types.
    fits=False,
    bodies={**BODIES, "fatal": "", "bad": "return float(a + b) if b == 0 else str(a + b)"},
)
HABITS = _project(
    "a project that has habits of its own",
    {
        "pytest.ini": """\
            [pytest]
            addopts = -p no:cacheprovider --strict-config --strict-markers --debug=trace.log -p plugins.mine
            xfail_strict = true
            faulthandler_timeout = 30
            """,
        "plugins/mine.py": """\
            import threading

            import pytest

            stop = threading.Event()

            def pytest_configure(config):
                config.stash_of_mine = threading.Thread(target=stop.wait, daemon=True)
                config.stash_of_mine.start()
                reporter = config.pluginmanager.getplugin("terminalreporter")
                if reporter is not None:
                    config.pluginmanager.unregister(reporter)

            def pytest_unconfigure(config): stop.set()

            @pytest.hookimpl(tryfirst=True)
            def pytest_runtestloop(session):
                # A loop of its own, as some plugins have one.
                for index, item in enumerate(session.items):
                    following = session.items[index + 1] if index + 1 < len(session.items) else None
                    session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                return True
            """,
        "conftest.py": """\
            import os

            import pytest

            HOME = os.getcwd()

            @pytest.fixture(autouse=True)
            def elsewhere(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path)

            def pytest_collection_modifyitems(items): items.sort(key=lambda item: item.name, reverse=True)
            """,
        "tests/test_calc.py": """\
            import os

            import pytest

            from pkg.calc import add, twice

            def test_add(): assert add(1, 2) == 3

            @pytest.mark.xfail
            def test_add_nothing(): assert add(1, 0) == 2

            def test_elsewhere(tmp_path):
                open("written", "w").close()
                assert os.path.samefile(os.getcwd(), tmp_path)
            """,
    },
    # No process that has a thread is forked.
    fits=False,
)
KINDS = _project(
    "every kind of outcome",
    {
        "pytest.ini": "[pytest]\naddopts = -n 2 --cov=pkg -vx --lf\nxfail_strict = true\n",
        "conftest.py": """\
            import pytest

            pytest.register_assert_rewrite("helpers")

            @pytest.fixture(scope="session")
            def one(tmp_path_factory, request):
                (tmp_path_factory.mktemp("made") / "file").write_text("1")
                return 1
            """,
        "helpers.py": "def check(got, wanted):\n    assert got == wanted\n",
        "tests/test_calc.py": """\
            import sys
            import unittest

            import pytest

            import helpers
            from pkg import calc
            from pkg.calc import add

            @pytest.mark.parametrize("b, total", [(0, 1), (2, 3)], ids=["none", "two"])
            def test_add(one, b, total): helpers.check(add(one, b), total)

            class TestClass:
                @classmethod
                def setup_class(cls): cls.three = 3

                def test_twice(self, monkeypatch, capsys):
                    print(calc.twice(self.three))
                    assert capsys.readouterr().out == "6\\n"

            class TestUnit(unittest.TestCase):
                def setUp(self): self.addCleanup(calc.twice, 1)
                @unittest.skip("not now")
                def test_skipped(self): pass
                @unittest.expectedFailure
                def test_expected(self): self.assertEqual(calc.twice(1), 3)
                def test_failing(self): self.assertEqual(calc.twice(1), 3)

            @pytest.mark.skipif(sys.version_info > (3,), reason="too new")
            def test_skip(): pass

            @pytest.mark.xfail(reason="known", raises=ZeroDivisionError)
            def test_expected(): 1 / 0

            @pytest.mark.xfail
            def test_strict(): pass

            @pytest.fixture
            def broken(): raise OSError("no such thing")

            @pytest.fixture
            def leaves():
                yield
                raise OSError("late")

            def test_setup(broken): pass
            def test_teardown(leaves): pass
            def test_both(leaves): assert 0
            def test_imports(): pytest.importorskip("no_such_module")
            def test_warned(recwarn): pass
            def test_last(): pass
            """,
    },
    fatal={"test_add[none]": "crashed", "test_add[two]": "timeout"},
)
"""For interpreters with pytest alone: what its options ask of plugins that are not there has to go."""

PROJECTS = (
    SPREAD,
    ASYNCIO,
    STRICT_ASYNCIO,
    ANYIO,
    *TIMEOUTS,
    HYPOTHESIS,
    DJANGO,
    MOCKED,
    RERUNS,
    WRITERS,
    FORKED,
    FAKE_FILES,
    CHECKED_TYPES,
    HABITS,
)

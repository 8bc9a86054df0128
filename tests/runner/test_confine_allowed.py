"""What honest tests do must work in the sandbox as it does outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from doubles.confined import USERS, Place, sandboxes


@pytest.fixture(scope="module", params=USERS)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from sandboxes(request.param, tmp_path_factory)


HONEST = {
    "event loop": """
async def work():
    await asyncio.sleep(0.001)
    return await asyncio.to_thread(lambda: 1)
result = asyncio.run(work())""",
    "streams over a pair": """
async def work():
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.send(b"1\\n")
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    theirs.close()
    return int(line)
result = asyncio.run(work())""",
    "threads": """
done = []
threads = [threading.Thread(target=done.append, args=(1,)) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
result = int(len(done) == 20)""",
    "thread pool": """
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    result = sum(pool.map(int, "10000"))""",
    "temporary files": """
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
    file.write(b"1")
    file.flush()
    result = int(open(file.name).read())
assert not os.path.exists(folder)""",
    "nameless temporary file": """
with tempfile.TemporaryFile() as file:
    file.write(b"1")
    result = file.tell()""",
    "folders": """
os.makedirs(scratch + "/a/b")
os.rename(scratch + "/a/b", scratch + "/c")
os.symlink("c", scratch + "/d")
result = len(os.listdir(scratch + "/d")) + 1
shutil.rmtree(scratch + "/a"), os.remove(scratch + "/d"), os.rmdir(scratch + "/c")""",
    "move between folders": """
os.mkdir(scratch + "/from"), os.mkdir(scratch + "/to")
open(scratch + "/from/x", "w").close()
os.link(scratch + "/from/x", scratch + "/to/y")
os.rename(scratch + "/from/x", scratch + "/to/x")
result = len(os.listdir(scratch + "/to")) - 1
shutil.rmtree(scratch + "/from"), shutil.rmtree(scratch + "/to")""",
    "copies": """
os.makedirs(scratch + "/tree")
shutil.copy2(base + "/project/source.py", scratch + "/tree")
shutil.copytree(scratch + "/tree", scratch + "/copy")
result = len(os.listdir(scratch + "/copy"))
shutil.rmtree(scratch + "/tree"), shutil.rmtree(scratch + "/copy")""",
    "archives": """
import tarfile
with tarfile.open(scratch + "/a.tar", "w") as file:
    file.add(base + "/project/source.py", "source.py")
with tarfile.open(scratch + "/a.tar") as file:
    file.extract("source.py", scratch + "/unpacked", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
result = len(os.listdir(scratch + "/unpacked"))
shutil.rmtree(scratch + "/unpacked")""",
    "pipe in the file system": """
os.mkfifo(scratch + "/fifo")
os.remove(scratch + "/fifo")
result = 1""",
    "database": """
import sqlite3
with sqlite3.connect(scratch + "/db") as made:
    made.execute("create table t (x)").execute("insert into t values (1)")
    result = made.execute("select x from t").fetchone()[0]
made.close()
os.remove(scratch + "/db")""",
    "the project": "result = len(open(base + '/project/package/module.py').readlines())",
    "a listing": "result = int('source.py' in os.listdir(base + '/project'))",
    "a new module": "import wave, xmlrpc.client, unittest.mock; result = 1",
    "installed packages": "list(importlib.metadata.distributions()); result = 1",
    "time zones": """
try:
    import zoneinfo
    zoneinfo.ZoneInfo("Europe/Berlin")
except (ImportError, KeyError):
    pass
result = 1""",
    "locale": "import locale; locale.setlocale(locale.LC_ALL, ''); locale.localeconv(); result = 1",
    "certificates": "import ssl; ssl.create_default_context(); result = 1",
    "random numbers": "import random, uuid; os.urandom(8); random.SystemRandom().random(); uuid.uuid4(); result = 1",
    "user": "import getpass, pwd; pwd.getpwuid(0); result = 1",
    "names of the machine": "import platform; platform.uname(); platform.platform(); socket.gethostname(); result = 1",
    "a name on the machine": "result = len(socket.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM))",
    "processors": "result = min(os.cpu_count(), len(os.sched_getaffinity(0)), 1)",
    "figures of the machine": """
for name in ("cpuinfo", "meminfo", "loadavg", "uptime", "stat", "version", "self/status", "self/maps", "sys/kernel/ostype"):
    open("/proc/" + name).read()
result = 1""",
    "its own descriptors": """
reading, writing = os.pipe()
result = int(str(writing) in os.listdir("/proc/self/fd"))
open(f"/dev/fd/{writing}", "w").close()""",
    "devices": """
open("/dev/null", "w").write("x")
result = len(open("/dev/zero", "rb").read(1)) * len(open("/dev/urandom", "rb").read(1))""",
    "memory map": """
import mmap
with open(scratch + "/map", "wb+") as file:
    file.truncate(4096)
    with mmap.mmap(file.fileno(), 4096) as mapped:
        mapped[0] = 1
        result = mapped[0]""",
    "alarm": """
signal.signal(signal.SIGALRM, lambda number, frame: None)
signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.pause()
result = 1""",
    "signals to itself": """
heard = []
signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
os.kill(os.getpid(), signal.SIGUSR1), signal.raise_signal(signal.SIGUSR1)
signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
result = len(heard) - 2""",
    "its own priority and limits": """
import resource
os.nice(1), os.sched_setaffinity(0, os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
result = 1""",
    "processes refused cleanly": """
for start in (lambda: subprocess.run(["true"]), lambda: os.system("true") and os.fork(), os.fork):
    try:
        start()
    except PermissionError:
        continue
    raise AssertionError
result = 1""",
    "logging and output": "logging.getLogger().warning('x'); print('x', file=sys.stderr); result = 1",
}


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_what_honest_tests_do_works(sandbox: Place, code: str) -> None:
    before = sandbox.picture()
    answer = sandbox.run(code)
    assert answer.value == 1, answer.text
    assert sandbox.picture() == before


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_it_works_without_the_sandbox_too(sandbox: Place, code: str) -> None:
    """Else the table above would prove nothing."""
    if sandbox.root or "refused" in code or "PermissionError" in code:
        pytest.skip("once is enough, and of what is not about the sandbox")
    answer = sandbox.run("result = outside", before=f"tempfile.tempdir = scratch\n{code}\noutside = result")
    assert answer.value == 1, answer.text


def test_a_traceback_of_the_project_shows_its_lines(sandbox: Place) -> None:
    code = """
sys.path.insert(0, base + "/project")
try:
    import package.module
    package.module.secret.missing
except AttributeError:
    result = traceback.format_exc()
"""
    assert "'str' object has no attribute 'missing'" in sandbox.run(code).value

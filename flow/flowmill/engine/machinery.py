"""Words by which a function gets at the interpreter, the test framework, or the process it runs in.

Only such as the code of an ordinary function has no use for: a project whose own code
names one may go on naming it.
"""

from __future__ import annotations

TEST_FRAMEWORK = frozenset(
    {"pytest", "_pytest", "unittest", "pluggy", "PYTEST_CURRENT_TEST", "conftest", "doctest"}
)
MODULES = frozenset(
    {
        "_ctypes", "_posixsubprocess", "_signal", "_socket", "_thread", "_testcapi", "_testinternalcapi", "_xxsubinterpreters",
        "_interpreters", "atexit", "bdb", "builtins", "cffi", "code", "codeop", "ctypes", "faulthandler", "gc", "linecache",
        "marshal", "mmap", "mock", "multiprocessing", "nose", "pdb", "posix", "pty", "resource", "runpy", "signal", "socket",
        "subprocess", "trace", "tracemalloc", "zipimport",
    }
)  # fmt: skip
"""Refused where they are imported or reached through another module; else they are names like any other."""
NAMES = frozenset(
    {
        "__builtins__", "__closure__", "__code__", "__file__", "__globals__", "__import__", "__loader__", "__spec__",
        "__subclasses__", "_clear_type_cache", "_current_exceptions", "_current_frames", "_exit", "_getframe",
        "_getframemodulename", "_os", "_sys", "addaudithook", "ag_frame", "co_code", "co_consts",
        "cr_frame", "create_subprocess_exec", "create_subprocess_shell", "currentframe", "excepthook", "execl", "execle",
        "execlp", "execv", "execve", "execvp", "extract_stack", "f_back", "f_builtins", "f_code", "f_globals", "f_locals",
        "f_trace", "forkpty", "format_stack", "getframeinfo", "getinnerframes", "getouterframes", "getsource",
        "getsourcelines", "get_objects", "get_referents", "get_referrers", "gi_frame", "interrupt_main", "killpg",
        "memfd_create", "meta_path", "mprotect", "path_hooks", "pidfd_open", "posix_spawn", "posix_spawnp", "ProcessPoolExecutor",
        "ptrace", "setprofile", "setresuid", "setsid", "settrace", "set_trace", "settraceallthreads",
        "setprofileallthreads", "tb_frame", "unraisablehook", "walk_stack",
    }
)  # fmt: skip
BUILTINS = frozenset({"breakpoint", "compile", "exec", "exit", "globals", "quit"})
"""Functions by these bare names; as attributes they are methods of something."""
ONLY_IN = {
    "abort": {"os"}, "close": {"os"}, "closerange": {"os"}, "dup": {"os"}, "dup2": {"os"}, "exit": {"sys", "os"},
    "fdopen": {"os"}, "fork": {"os"}, "import_module": {"importlib"}, "kill": {"os", "signal"}, "machinery": {"importlib"},
    "modules": {"sys"}, "monitoring": {"sys"}, "nice": {"os"}, "open": {"os"}, "pipe": {"os"}, "popen": {"os"},
    "reload": {"importlib"}, "spawnl": {"os"}, "spawnv": {"os"}, "stack": {"inspect"}, "system": {"os"}, "trace": {"inspect"},
    "util": {"importlib"}, "write": {"os"}, "writev": {"os"}, "pwrite": {"os"}, "sendfile": {"os"},
}  # fmt: skip
"""Words of ordinary code too: they count only as `module.word`."""
FAKED = frozenset(
    {
        "__bool__", "__class__", "__contains__", "__eq__", "__ge__", "__getattribute__", "__gt__", "__instancecheck__", "__le__",
        "__len__", "__lt__", "__ne__", "__subclasscheck__", "__subclasshook__",
    }
)  # fmt: skip
"""What decides how a value compares or counts, once a draft defines it."""
REDIRECTED = frozenset({"stdout", "stderr", "stdin"})
"""What of a module may be assigned to."""

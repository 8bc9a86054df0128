from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.sandbox.environment import THREADS, project_environment, withheld

USUAL = {
    "PATH": "/bin",
    "LANG": "C",
    "LC_TIME": "de_DE",
    "PYTHONPATH": "lib",
    "DJANGO_SETTINGS_MODULE": "x.settings",
}
PRIVATE = {
    "FLOWMILL_API_KEY": "k",
    "FLOWMILL_BASE_URL": "u",
    "OPENAI_API_KEY": "k",
    "GITHUB_TOKEN": "t",
    "SSH_AUTH_SOCK": "/s",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x",
    "DISPLAY": ":0",
    "MYAPP_MODE": "m",
    "PYTHONSTARTUP": "/x.py",
    "LD_PRELOAD": "/x.so",
    "PYTEST_CURRENT_TEST": "x",
    "PYTEST_XDIST_WORKER": "gw0",
    "COV_CORE_SOURCE": "x",
}


def env(
    tmp_path: Path,
    files: dict[str, str],
    environ: dict[str, str],
    *,
    pass_env: tuple[str, ...] = (),
    trusted: bool = False,
) -> dict[str, str]:
    root = write_tree(tmp_path / "project", files)
    made = project_environment(environ, root, pass_env=pass_env, trusted=trusted)
    return {name: value for name, value in made.items() if name not in THREADS}


def test_only_what_tests_usually_need_is_passed(tmp_path: Path) -> None:
    assert env(tmp_path, {}, USUAL | PRIVATE) == USUAL


def test_what_flowmill_adds_wins_over_all(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"tox.ini": "[testenv]\nsetenv =\n  TMPDIR = here\n  A = b\n"})
    made = project_environment({"PATH": "/bin", "OMP_NUM_THREADS": "3"}, root, {"TMPDIR": "/s", "PATH": "/p"})
    assert (made["TMPDIR"], made["PATH"], made["A"]) == ("/s", "/p", "b")
    assert {made[name] for name in THREADS if name != "OMP_NUM_THREADS"} == {"1"}
    assert made["OMP_NUM_THREADS"] == "3"


TOX_TABLE = (
    '[tool.tox.env_run_base]\npass_env = ["MYAPP_*"]\nset_env = {MODE = "t", SRC = "{tox_root}/src"}\n'
)
TOX_TOML = '[env_run_base]\npass_env = ["MYAPP_*"]\nset_env.MODE = "t"\nset_env.SRC = "{tox_root}/src"\n'
TOX_INI = "[testenv]\npassenv = CI, MYAPP_*\nsetenv =\n  MODE = t\n  SRC = {toxinidir}/src\n  W = {envdir}/x\n  py39: Z = 1\n"
LEGACY = f"[tool.tox]\nlegacy_tox_ini = '''\n{TOX_INI}'''\n"
HATCH = 'env-include = ["MYAPP_*"]\nenv-vars = {MODE = "t", SRC = "{root}/src"}\n'


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tox.ini", TOX_INI),
        ("setup.cfg", TOX_INI),
        ("tox.toml", TOX_TOML),
        ("pyproject.toml", TOX_TABLE),
        ("pyproject.toml", LEGACY),
        ("pyproject.toml", "[tool.hatch.envs.hatch-test]\n" + HATCH),
        ("hatch.toml", "[envs.default]\n" + HATCH),
    ],
)
def test_what_tox_and_hatch_name_and_set(tmp_path: Path, file: str, text: str) -> None:
    made = env(tmp_path, {file: text}, {"MYAPP_MODE": "m", "MYAPP_TOKEN": "t", "OTHER": "o"})
    assert made == {"MYAPP_MODE": "m", "MODE": "t", "SRC": f"{tmp_path}/project/src"}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", "[pytest]\nenv =\n  D:MYAPP_MODE=x\n  R:D:OTHER=y\n  MYAPP_TOKEN=t\n"),
        ("pyproject.toml", '[tool.pytest_env]\nMYAPP_MODE = "x"\nOTHER = {value = "y"}\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\nenv = ["MYAPP_MODE=x", "U:OTHER=y"]\n'),
    ],
)
def test_what_pytest_env_names_reaches_it(tmp_path: Path, file: str, text: str) -> None:
    made = env(tmp_path, {file: text}, {"MYAPP_MODE": "m", "OTHER": "o", "MORE": "n", "MYAPP_TOKEN": "t"})
    assert made == {"MYAPP_MODE": "m", "OTHER": "o"}


@pytest.mark.parametrize(
    "text", ["[testenv]\npassenv = *\n", "[testenv]\npassenv = **\n", "[testenv\n", "%\x00"]
)
def test_a_configuration_that_names_nothing_passes_nothing(tmp_path: Path, text: str) -> None:
    assert env(tmp_path, {"tox.ini": text}, {"OTHER": "o"}) == {}


def test_a_configuration_does_not_set_what_would_change_pytest_or_python(tmp_path: Path) -> None:
    names = (
        "PATH",
        "LD_PRELOAD",
        "PYTHONWARNINGS",
        "PYTHONSTARTUP",
        "PIP_INDEX_URL",
        "COVERAGE_FILE",
        "FLOWMILL_RUN",
    )
    lines = "".join(f"  {name} = x\n" for name in (*names, "PYTHONPATH", "PYTHONHASHSEED"))
    made = env(tmp_path, {"tox.ini": f"[testenv]\nsetenv =\n{lines}"}, {})
    assert made == {"PYTHONPATH": "x", "PYTHONHASHSEED": "x"}


@pytest.mark.parametrize(
    ("pass_env", "trusted", "kept"),
    [
        (("MYAPP_*",), False, {"MYAPP_MODE"}),
        (("MYAPP_*",), True, {"MYAPP_MODE"}),
        (("MYAPP_TOKEN", "MYAPP_DB"), False, set[str]()),
        (("MYAPP_TOKEN", "MYAPP_DB"), True, {"MYAPP_TOKEN", "MYAPP_DB"}),
        (("FLOWMILL_API_KEY", "OPENAI_API_KEY"), True, set[str]()),
    ],
)
def test_secrets_pass_only_by_their_full_name_to_a_trusted_project(
    tmp_path: Path, pass_env: tuple[str, ...], trusted: bool, kept: set[str]
) -> None:
    secrets = {"MYAPP_TOKEN": "t", "MYAPP_DB": "pg://a:b@c", "FLOWMILL_API_KEY": "k", "OPENAI_API_KEY": "k"}
    environ = {"MYAPP_MODE": "m", **secrets}
    assert set(env(tmp_path, {}, environ, pass_env=pass_env, trusted=trusted)) == kept
    named = {name for name in pass_env if "*" not in name}
    assert set(withheld(environ, tmp_path, pass_env=pass_env, trusted=trusted)) == named - kept

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.endpoint import OPENAI, Endpoint, Keyring, find_endpoint
from flowmill.errors import UsageError
from flowmill.options import OPTIONS, snake
from flowmill.settings import Settings, load_settings
from flowmill.trust import is_trusted, trust, trust_file
from flowmill.wiring import open_workplace


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWMILL_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def root_with(tmp_path: Path, table: str) -> Path:
    return write_tree(tmp_path / "root", {"pyproject.toml": f"[tool.flowmill]\n{table}\n"})


class Stored(Keyring):
    """A keyring that holds one key for each host and remembers whether it was asked."""

    def __init__(self, keys: dict[str, str] | None = None) -> None:
        self.keys = keys or {}
        self.asked: list[str] = []

    def get(self, host: str) -> str | None:
        self.asked.append(host)
        return self.keys.get(host)


def endpoint(
    environ: dict[str, str], flags: dict[str, object] | None = None, keys: Keyring | None = None
) -> Endpoint:
    settings, _ = load_settings(flags or {}, environ, None)
    return find_endpoint(settings, environ, embedded=["1.5b"], keyring=keys or Stored())


# ------------------------------------------------------------------ settings
def test_flags_then_editor_then_environment_then_project_then_default(tmp_path: Path) -> None:
    root = root_with(tmp_path, 'model = "p"\nmax-calls = 4\nseed = 5\nstrategy = "sample"')
    flags: dict[str, object] = {"model": None, "max_calls": 1, "tests": []}
    editor = {"maxCalls": 2, "maxSeconds": 30, "python": "", "strategy": "direct"}
    settings, warnings = load_settings(flags, {"FLOWMILL_MODEL": "e"}, root, editor=editor)
    assert (settings.model, settings.max_calls, settings.max_seconds) == ("e", 1, 30.0)
    assert (settings.strategy, settings.seed, settings.max_tokens) == ("direct", 5, Settings().max_tokens)
    assert dict(settings.sources) == {
        "max_calls": "--max-calls",
        "max_seconds": "the editor's settings",
        "strategy": "the editor's settings",
        "model": "$FLOWMILL_MODEL",
        "seed": "[tool.flowmill]",
    }
    assert warnings == ()
    assert settings.budget.calls == 1


def test_every_setting_has_one_name_in_three_spellings() -> None:
    assert all(snake(option.kebab) == snake(option.camel) == option.name for option in OPTIONS)
    assert {option.name for option in OPTIONS} <= set(Settings.__slots__)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "max-calls = 0",
            "[tool.flowmill]: max-calls = 0 must be a whole number, 1 or more; the default is used",
        ),
        ("max-calls = true", "max-calls = True must be"),
        ("max-seconds = nan", "above 0"),
        ('strategy = "fast"', "one of flow, direct, sample, alphacodium"),
        ("tests = [1]", "a list of pytest node ids"),
        ('watch = "yes"', "true or false"),
        ("model = 3", "a text"),
        ("max-secnds = 3", "max-secnds is no setting; did you mean max-seconds?"),
        ("zzzz = 3", "there are python, project"),
        ('api-key = "k"', "never read from a project"),
        ('project = ".."', "give --project on the command line"),
        ("force = true", "give --force on the command line"),
        ("=", "is not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_project_is_one_line_and_the_default(
    tmp_path: Path, table: str, said: str
) -> None:
    settings, warnings = load_settings({}, {}, root_with(tmp_path, table))
    assert settings == Settings()
    assert len(warnings) == 1
    assert said in warnings[0]
    assert "\n" not in warnings[0]


def test_a_bad_flag_is_wrong_usage_and_a_bad_editor_setting_a_line() -> None:
    with pytest.raises(UsageError, match="--max-calls 'x': must be a whole number"):
        load_settings({"max_calls": "x"}, {}, None)
    _, warnings = load_settings({}, {}, None, editor={"maxCalls": "x", "maxCals": 1})
    assert [w.split(" ")[3] for w in warnings] == ["maxCalls", "maxCals"]
    assert "did you mean maxCalls?" in warnings[1]


def test_no_project_and_a_project_without_a_table() -> None:
    assert load_settings({}, {}, None) == (Settings(), ())


# ------------------------------------------------------------------ trust
@pytest.mark.parametrize(
    "line", ['base-url = "http://evil.example/v1"', 'sandbox = "off"', 'log-file = "/etc/x"']
)
def test_a_project_is_not_trusted_with_key_or_machine_until_the_user_says_so(
    tmp_path: Path, line: str
) -> None:
    root = root_with(tmp_path, line)
    settings, warnings = load_settings({}, {}, root)
    assert settings == Settings()
    assert "not trusted" in warnings[0]
    assert f"flowmill doctor --trust --project {root}" in warnings[0]
    assert load_settings({}, {}, root, trusted=True)[1] == ()
    key, _, value = line.partition(" = ")
    trust(root, {key: value.strip('"')})
    settings, warnings = load_settings({}, {}, root)
    assert (getattr(settings, snake(key)), warnings) == (value.strip('"'), ())
    assert load_settings({}, {}, root, trusted=False)[0] == Settings()


def test_a_changed_table_is_untrusted_again(tmp_path: Path, config: Path) -> None:
    trust(tmp_path, {"a": 1, "b": 2})
    assert is_trusted(tmp_path, {"b": 2, "a": 1})
    assert not is_trusted(tmp_path, {"a": 1, "b": 3})
    assert not is_trusted(tmp_path / "other", {"a": 1, "b": 2})
    assert trust_file().stat().st_mode & 0o077 == 0
    assert [path.name for path in config.iterdir()] == ["trust.json"]


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"x": 1}'])
def test_a_damaged_trust_file_trusts_nothing(tmp_path: Path, config: Path, damaged: str) -> None:
    write_tree(config, {"trust.json": damaged})
    assert not is_trusted(tmp_path, {})


def test_a_trust_file_that_cannot_be_written_is_one_line(tmp_path: Path, config: Path) -> None:
    config.write_text("a file, not a folder")
    with pytest.raises(UsageError, match="cannot be written"):
        trust(tmp_path, {})


def test_the_variables_that_tests_get_are_the_projects_to_name(tmp_path: Path) -> None:
    settings, warnings = load_settings({}, {}, root_with(tmp_path, 'pass-env = ["MYAPP_*", "DB_URL"]'))
    assert (settings.pass_env, warnings) == (("MYAPP_*", "DB_URL"), ())
    settings, _ = load_settings({}, {}, None, editor={"passEnv": "MYAPP_MODE"})
    assert settings.pass_env == ("MYAPP_MODE",)
    for bad in ("[1]", '""', '["*"]', '["A=b"]', '["A B"]', "true"):
        settings, warnings = load_settings({}, {}, root_with(tmp_path, f"pass-env = {bad}"))
        assert settings.pass_env == (), bad
        assert len(warnings) == (bad != '""'), bad


def test_tightening_the_sandbox_needs_no_trust(tmp_path: Path) -> None:
    settings, warnings = load_settings({}, {}, root_with(tmp_path, 'sandbox = "strict"'))
    assert (settings.sandbox, warnings) == ("strict", ())


# ------------------------------------------------------------------ endpoint and key
LOCAL = "http://127.0.0.1:8000/v1"
OTHER = "https://other.example/v1"


@pytest.mark.parametrize(
    ("environ", "flags", "url", "key"),
    [
        ({}, {}, None, None),
        ({"OPENAI_API_KEY": "o"}, {}, OPENAI, "o"),
        ({"OPENAI_API_KEY": " "}, {}, None, None),
        ({"FLOWMILL_API_KEY": "f"}, {}, OPENAI, "f"),
        ({"OPENAI_API_KEY": "o", "OPENAI_BASE_URL": OTHER}, {}, OTHER, "o"),
        ({"OPENAI_API_KEY": "o", "OPENAI_BASE_URL": OTHER, "FLOWMILL_API_KEY": "f"}, {}, OTHER, "f"),
        ({"FLOWMILL_BASE_URL": LOCAL, "OPENAI_BASE_URL": OTHER}, {}, LOCAL, None),
        ({"FLOWMILL_BASE_URL": OTHER, "OPENAI_API_KEY": "o"}, {}, OTHER, None),
        ({"FLOWMILL_BASE_URL": OTHER, "FLOWMILL_API_KEY": "f"}, {}, OTHER, "f"),
        ({"OPENAI_API_KEY": "o"}, {"base_url": OTHER}, OTHER, None),
        ({"OPENAI_API_KEY": "o"}, {"base_url": LOCAL}, LOCAL, "o"),
        ({"OPENAI_API_KEY": "o"}, {"base_url": "http://127.0.0.1.evil.example/v1"}, "http://127.0.0.1.evil.example/v1", None),
        ({"OPENAI_API_KEY": "o"}, {"base_url": "http://api.openai.com/v1"}, "http://api.openai.com/v1", None),
        ({"OPENAI_API_KEY": "o"}, {"base_url": "https://api.openai.com/v1/"}, OPENAI, "o"),
        ({"OPENAI_API_KEY": "o"}, {"base_url": "embedded"}, None, None),
        ({"OPENAI_API_KEY": "o"}, {"model": "1.5b"}, None, None),
        ({"OPENAI_API_KEY": "o", "FLOWMILL_BASE_URL": "localhost:8000"}, {}, None, None),
    ],
)  # fmt: skip
def test_a_key_goes_only_to_the_host_that_it_was_set_beside(
    environ: dict[str, str], flags: dict[str, object], url: str | None, key: str | None
) -> None:
    found = endpoint(environ, flags)
    assert (found.base_url, found.api_key) == (url, key)


def test_a_key_that_is_held_back_is_said() -> None:
    found = endpoint({"OPENAI_API_KEY": "o"}, {"base_url": OTHER})
    assert found.note.startswith("OPENAI_API_KEY is not sent to other.example: set FLOWMILL_API_KEY")


def test_a_trusted_projects_own_machine_address_gets_no_openai_key(tmp_path: Path) -> None:
    settings, _ = load_settings({}, {}, root_with(tmp_path, f'base-url = "{LOCAL}"'), trusted=True)
    assert find_endpoint(settings, {"OPENAI_API_KEY": "o"}, keyring=Stored()).api_key is None


def test_the_keyring_is_asked_last_and_only_for_other_machines() -> None:
    keys = Stored({"other.example": "stored"})
    assert endpoint({}, {"base_url": OTHER}, keys).api_key == "stored"
    assert endpoint({"OPENAI_API_KEY": "o"}, {"base_url": OTHER}, keys).api_key == "stored"
    assert keys.asked == ["other.example", "other.example"]
    assert endpoint({"FLOWMILL_API_KEY": "f"}, {"base_url": OTHER}, keys).api_key == "f"
    assert endpoint({}, {"base_url": LOCAL}, keys).api_key is None
    assert len(keys.asked) == 2


def test_no_secret_is_ever_shown() -> None:
    address = "https://user:hunter22@other.example/v1"
    settings, _ = load_settings({"base_url": address}, {}, None)
    found = find_endpoint(settings, {"FLOWMILL_API_KEY": "sk-secret-secret-1"}, keyring=Stored())
    shown = f"{found!r} {found} {settings!r} {found.shown_url}"
    assert "secret" not in shown
    assert "hunter22" not in shown
    assert found.redact("at https://user:hunter22@x with sk-secret-secret-1") == "at https://x with ***"
    assert Endpoint(None).shown_url == "embedded"


@pytest.mark.parametrize(
    "address", ["", "other.example", "ftp://x", "http://", "http://x:99999", "http://a b", 3]
)
def test_what_is_no_address_is_refused(address: object) -> None:
    with pytest.raises(UsageError, match=r"^--base-url .*must be"):
        load_settings({"base_url": address}, {}, None)


def test_a_bad_address_in_the_environment_sends_the_code_nowhere_else() -> None:
    environ = {"FLOWMILL_BASE_URL": "nonsense", "OPENAI_BASE_URL": OTHER, "OPENAI_API_KEY": "o"}
    settings, warnings = load_settings({}, environ, None)
    assert find_endpoint(settings, environ).base_url is None
    assert "$FLOWMILL_BASE_URL is no address" in warnings[0]


def test_a_bad_address_that_does_not_count_is_not_worth_a_word() -> None:
    environ = {"FLOWMILL_BASE_URL": LOCAL, "OPENAI_BASE_URL": "http://[bad"}
    assert load_settings({}, environ, None)[1] == ()
    environ["FLOWMILL_BASE_URL"] = "nonsense"
    settings, warnings = load_settings({"base_url": OTHER}, environ, None)
    assert (settings.base_url, warnings) == (OTHER, ())


def test_an_interpreter_of_the_project_that_is_not_there_is_named_and_the_default_taken(
    tmp_path: Path,
) -> None:
    root = root_with(tmp_path, 'python = "/nowhere/python"')
    place = open_workplace(None, {"project": str(root)}, {"PATH": ""}, trusted=True)
    assert place.warnings == (
        "[tool.flowmill]: no such interpreter: /nowhere/python (a python, an environment's folder or a command);"
        " the default is used",
    )
    assert place.project.python == Path(sys.executable)

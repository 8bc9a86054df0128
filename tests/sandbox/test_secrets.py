from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.sandbox.secrets import hidden_paths, looks_secret, project_secrets

HOME = Path("/home/ann")


@pytest.mark.parametrize(
    "entry",
    [
        ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".kube", ".docker", ".netrc", ".pypirc", ".npmrc",
        ".git-credentials", ".config/gh", ".local/share/keyrings", ".password-store", ".mozilla",
        ".config/google-chrome", ".config/chromium", ".bash_history", ".zsh_history", ".python_history",
        ".cargo/credentials.toml", ".pgpass", ".vault-token", ".cache/huggingface/token",
    ],
)  # fmt: skip
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_secrets_of_a_home_are_hidden_everywhere(entry: str, platform: str) -> None:
    assert HOME / entry in hidden_paths({}, HOME, platform=platform)


@pytest.mark.parametrize(
    ("platform", "entry"),
    [
        ("linux", "/etc/shadow"),
        ("linux", "/root"),
        ("linux", "/home"),
        ("linux", "/run"),
        ("linux", "/var/run"),
        ("linux", "/var/lib"),
        ("linux", "/var/spool"),
        ("linux", "/etc/ssh"),
        ("darwin", "/Users"),
        ("darwin", "/var/root"),
        ("darwin", "/home/ann/Library/Keychains"),
        ("darwin", "/home/ann/Library/Application Support/gcloud"),
        ("win32", "C:/Users"),
        ("win32", "/home/ann/AppData/Roaming/Microsoft/Protect"),
        ("win32", "/home/ann/AppData/Roaming/gcloud"),
    ],
)
def test_secrets_of_a_system_are_hidden(platform: str, entry: str) -> None:
    assert Path(entry) in hidden_paths({}, HOME, platform=platform)


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("GNUPGHOME", "/keys/gpg", "/keys/gpg"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/keys/gcp.json", "/keys/gcp.json"),
        ("KUBECONFIG", "/k/one:/k/two", "/k/two"),
        ("KRB5CCNAME", "FILE:/tmp/krb5cc_1000", "/tmp/krb5cc_1000"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1", "/tmp/ssh-x/agent.1"),
        ("PGPASSFILE", "~/pass", "/home/ann/pass"),
        ("XDG_CONFIG_HOME", "/conf", "/conf/gh"),
        ("XDG_DATA_HOME", "/data", "/data/keyrings"),
    ],
)
def test_the_environment_says_where_secrets_are(name: str, value: str, hidden: str) -> None:
    assert Path(hidden) in hidden_paths({name: value}, HOME)


@pytest.mark.parametrize("value", ["", "/", "relative/path", "/work", "/dev/null"])
def test_a_slip_in_the_environment_hides_nothing_wide(value: str) -> None:
    assert set(hidden_paths({"HISTFILE": value, "XDG_CONFIG_HOME": "conf"}, HOME)) == set(
        hidden_paths({}, HOME)
    )


def test_the_home_itself_and_ordinary_places_are_not_secret() -> None:
    hidden = hidden_paths({}, HOME, own=[Path("/cache/flowmill")])
    assert Path("/cache/flowmill") in hidden
    for path in (HOME, HOME / "src", HOME / ".pyenv", HOME / ".local", Path("/usr"), Path("/tmp"), Path("/")):
        assert path not in hidden


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", ""),
        ("stripe_key", ""),
        ("DB_PASS", ""),
        ("DJANGO_SECRET_KEY", ""),
        ("AWS_PROFILE", ""),
        ("SENTRY_DSN", ""),
        ("DATABASE_URL", "postgres://ann:hunter2@db/app"),
        ("CACHE", "redis://:hunter2@cache"),
        ("X", "sk-proj-abcdefghijklmnop1234"),
        ("X", "ghp_abcdefghijklmnopqrstuvwxyz0123"),
        ("X", "AKIAABCDEFGHIJKLMNOP"),
        ("X", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ],
)
def test_what_looks_secret(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("KEYBOARD", "de"),
        ("PYTHONHASHSEED", "0"),
        ("DATABASE_URL", "sqlite:///db.sqlite3"),
        ("HTTP_PROXY", "http://proxy:3128/"),
        ("MONKEY", "1"),
        ("BYPASS", "1"),
        ("SSL_CERT_FILE", "/etc/ssl/cert.pem"),
    ],
)
def test_what_does_not(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_a_projects_own_secrets_are_found_by_name_or_content(tmp_path: Path) -> None:
    token = "[http]\n\textraheader = AUTHORIZATION: basic abc\n"
    root = write_tree(
        tmp_path / "root",
        {
            ".env": "DEBUG=1\nexport API_TOKEN = abc\n",
            ".env.local": "# nothing\nDATABASE_URL='mysql://a:b@c/d'\n",
            ".env.plain": "DEBUG=1\nSECRET=\n",
            ".env.example": "API_TOKEN=change-me\n",
            "test.env": "PASSWORD=x\n",
            "prod.env": "PASSWORD=x\n",
            "env.py": "TOKEN = 1\n",
            ".pypirc": "",
            ".ssh/id": "",
            ".git/config": token,
            "config": token,
        },
    )
    found = {str(path.relative_to(root)) for path in project_secrets(root)}
    assert found == {".env", ".env.local", "prod.env", ".pypirc", ".ssh/id", ".git/config"}
    write_tree(root, {".git/config": '[remote "origin"]\n\turl = https://example.com/x.git\n'})
    assert root / ".git/config" not in project_secrets(root)


def test_a_folder_without_secrets_or_without_existence_has_none(tmp_path: Path) -> None:
    assert project_secrets(tmp_path) == ()
    assert project_secrets(tmp_path / "none") == ()

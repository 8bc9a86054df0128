"""Where keys, tokens and private data lie on a machine: what a draft must never read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HOME = (
    # keys and the passwords of single programs
    ".ssh", ".gnupg", ".pki", ".netrc", "_netrc", ".authinfo", ".authinfo.gpg", ".pgpass", ".my.cnf", ".mylogin.cnf",
    ".git-credentials", ".git-credential-cache", ".pypirc", ".pip", ".npmrc", ".yarnrc", ".yarnrc.yml", ".bunfig.toml",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".bundle/config", ".composer/auth.json",
    ".m2/settings.xml", ".m2/settings-security.xml", ".gradle/gradle.properties", ".nuget/NuGet", ".condarc",
    ".vault-token", ".terraform.d", ".terraformrc", ".ansible", ".chef", ".boto", ".s3cfg", ".databrickscfg",
    ".kaggle", ".huggingface", ".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".streamlit/secrets.toml",
    ".env", ".envrc", ".smbcredentials", ".Xauthority", ".ICEauthority", ".k5login", ".rhosts",
    # clouds
    ".aws", ".azure", ".oci", ".bluemix", ".aliyun", ".kube", ".minikube", ".docker", ".fly", ".heroku",
    ".snowflake", ".snowsql", ".dbt", ".wrangler", ".netlify", ".vercel",
    # key rings, password stores, wallets
    ".password-store", ".local/share/keyrings", ".local/share/kwalletd", ".local/share/python_keyring",
    ".bitcoin", ".ethereum", ".electrum", ".monero", ".age", ".keychain",
    # browsers and mail
    ".mozilla", ".thunderbird", ".var/app", "snap",
    # what was typed
    ".bash_history", ".zsh_history", ".zhistory", ".sh_history", ".history", ".histfile", ".python_history",
    ".node_repl_history", ".psql_history", ".mysql_history", ".sqlite_history", ".rediscli_history", ".lesshst",
    ".viminfo", ".zsh_sessions", ".ipython/profile_default/history.sqlite",
)  # fmt: skip
"""Below the user's home, on every system."""
CONFIG = (
    "gh", "glab-cli", "hub", "gcloud", "google-chrome", "google-chrome-beta", "chromium", "BraveSoftware", "vivaldi",
    "microsoft-edge", "opera", "pip", "pypoetry", "uv", "pdm", "hatch", "git/credentials", "containers", "helm", "doctl",
    "hcloud", "op", "Bitwarden", "Bitwarden CLI", "keepassxc", "rclone", "sops", "age", "kwalletd", "ngrok", "github-copilot",
    "Slack", "discord", "Signal", "Code/User/globalStorage", "Code - OSS/User/globalStorage", "Cursor/User/globalStorage",
    "JetBrains", "fish", "gnome-boxes", "evolution", "configstore", "stripe", "heroku", "fly", "netlify", "cloudflared",
    "azuredevops", "containers/auth.json", "snowflake", "environment.d",
)  # fmt: skip
"""Below ~/.config, and below where macOS and Windows keep the same programs' data."""
DATA = (
    "keyrings", "kwalletd", "python_keyring", "pypoetry", "pdm", "hatch", "fish/fish_history", "evolution",
    "containers/storage", "TelegramDesktop", "uv/credentials",
)  # fmt: skip
"""Below ~/.local/share."""
MAC = (
    "Library/Keychains", "Library/Cookies", "Library/Safari", "Library/Messages", "Library/Mail", "Library/Calendars",
    "Library/Application Support/Google/Chrome", "Library/Application Support/Firefox",
    "Library/Application Support/com.apple.TCC", "Library/Application Support/AddressBook", "Library/Containers",
    "Library/Group Containers", "Library/Mobile Documents", "Library/Preferences/pypoetry",
)  # fmt: skip
WINDOWS = (
    "AppData/Roaming/Microsoft/Credentials", "AppData/Roaming/Microsoft/Crypto", "AppData/Roaming/Microsoft/Protect",
    "AppData/Roaming/Microsoft/Vault", "AppData/Local/Microsoft/Credentials", "AppData/Local/Microsoft/Vault",
    "AppData/Local/Google/Chrome", "AppData/Local/Microsoft/Edge", "AppData/Local/BraveSoftware",
    "AppData/Roaming/Mozilla", "AppData/Roaming/gnupg", "AppData/Roaming/GitHub CLI", "AppData/Roaming/postgresql",
    "AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine", "NTUSER.DAT",
)  # fmt: skip
LINUX_SYSTEM = (
    "/root", "/home", "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d",
    "/etc/ssh", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/krb5.keytab", "/etc/wireguard", "/etc/openvpn",
    "/etc/ipsec.d", "/etc/NetworkManager/system-connections", "/etc/kubernetes", "/etc/rancher", "/etc/docker",
    "/etc/pip.conf", "/etc/npmrc", "/etc/environment", "/etc/machine-id", "/etc/fstab", "/etc/security",
    "/run", "/var/run", "/var/lib", "/var/spool", "/var/mail", "/var/backups", "/var/log", "/var/cache", "/var/db",
    "/boot", "/lost+found",
)  # fmt: skip
MAC_SYSTEM = (
    "/var/root", "/Users", "/etc/master.passwd", "/etc/sudoers", "/etc/ssh", "/etc/krb5.keytab", "/var/db/dslocal",
    "/var/db/shadow", "/var/run", "/var/spool", "/var/log", "/var/mail", "/Library/Keychains",
)  # fmt: skip
WINDOWS_SYSTEM = (
    "C:/Users",
    "C:/Windows/System32/config",
    "C:/ProgramData/ssh",
    "C:/ProgramData/Microsoft/Crypto",
)
NAMED = (
    "GNUPGHOME", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_CONFIG_DIR",
    "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "NETRC",
    "PIP_CONFIG_FILE", "NPM_CONFIG_USERCONFIG", "GH_CONFIG_DIR", "PASSWORD_STORE_DIR", "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR", "HISTFILE", "PGPASSFILE", "PGSERVICEFILE", "BOTO_CONFIG", "HF_TOKEN_PATH", "KRB5CCNAME",
    "KRB5_KTNAME", "XAUTHORITY", "ICEAUTHORITY", "KAGGLE_CONFIG_DIR", "SOPS_AGE_KEY_FILE", "VAULT_TOKEN_PATH",
    "OCI_CLI_CONFIG_FILE", "DATABRICKS_CONFIG_FILE", "TF_CLI_CONFIG_FILE", "UV_CREDENTIALS_DIR", "CREDENTIALS_DIRECTORY",
)  # fmt: skip
"""Variables whose value is the place of a secret."""
PROJECT = (
    ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".streamlit/secrets.toml", ".aws/credentials",
    ".docker/config.json", ".ssh/*", ".env*", "*.env", ".git/config",
)  # fmt: skip
"""Below the project's own root, and files only: a folder with a hidden folder in it cannot be listed."""
BY_CONTENT = re.compile(r"env|^config$")
EXAMPLE = re.compile(
    r"\.(example|sample|template|dist|defaults?|schema|tests?|testing|ci)$|^(tests?|example|ci)\.env$"
)
"""Names of files whose values are made up."""
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(\S.*)$", re.MULTILINE)
LOOKS_SECRET = re.compile(
    r"(^|_)(API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|KEY|TOKENS?|PATS?|PASS|CREDENTIALS?|CREDS?|AUTH|AUTH_SOCK|COOKIE|DSN"
    r"|WEBHOOK(_URL)?|PASSPHRASE|SALT)$|SECRET|PASSWORD|PASSWD|^(FLOWMILL|OPENAI|ANTHROPIC|AWS|AZURE)_"
)
SECRET_VALUE = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"  # an address with a password
    r"|\b(sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abprs]-[\w-]+"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bhf_\w{20,}|\bpypi-[\w-]{30,}|\beyJ[\w-]{10,}\.[\w-]{10,}\."
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bextraheader\s*="
)


def looks_secret(name: str, value: str = "") -> bool:
    """Whether a variable's name, or what it holds, is that of a key, a password or a token."""
    return bool(LOOKS_SECRET.search(name.upper()) or SECRET_VALUE.search(value))


def hidden_paths(
    environ: Mapping[str, str], home: Path, *, own: Sequence[Path] = (), platform: str = sys.platform
) -> tuple[Path, ...]:
    """Files and folders that hold secrets of this user or of others, whether they exist or not.

    `own` are flowmill's folders: its journal, what the user decided, the key of the embedded server.
    """
    found: dict[Path, None] = dict.fromkeys(Path(entry) for entry in _system(platform))
    found.update(dict.fromkeys(_of_home(environ, home, platform)))
    found.update(dict.fromkeys(_named(environ, home)))
    found.update(dict.fromkeys(own))
    return tuple(found)


def project_secrets(root: Path) -> tuple[Path, ...]:
    """Files of the project that hold secrets: by their name, or because a line of them assigns one.

    An `.env` without any secret stays readable, since tests may need it to start at all.
    """
    found = dict.fromkeys(path for pattern in PROJECT for path in root.glob(pattern) if path.is_file())
    return tuple(path for path in found if not BY_CONTENT.search(path.name) or _holds_secret(path))


def _system(platform: str) -> tuple[str, ...]:
    if platform == "darwin":
        return MAC_SYSTEM
    return WINDOWS_SYSTEM if platform == "win32" else LINUX_SYSTEM


def _of_home(environ: Mapping[str, str], home: Path, platform: str) -> Iterator[Path]:
    yield from (home / entry for entry in HOME)
    configs = [home / ".config", _set(environ, "XDG_CONFIG_HOME")]
    datas = [home / ".local/share", _set(environ, "XDG_DATA_HOME")]
    if platform == "darwin":
        configs.append(home / "Library/Application Support")
        yield from (home / entry for entry in MAC)
    if platform == "win32":
        configs += [home / "AppData/Roaming", _set(environ, "APPDATA"), _set(environ, "LOCALAPPDATA")]
        yield from (home / entry for entry in WINDOWS)
    yield from (base / entry for base in configs if base for entry in CONFIG)
    yield from (base / entry for base in datas if base for entry in DATA)


def _set(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name, "")
    return Path(value) if value and Path(value).is_absolute() else None


def _named(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    for name in NAMED:
        # KUBECONFIG is a list; the Kerberos cache has its kind in front.
        for part in environ.get(name, "").removeprefix("FILE:").split(os.pathsep):
            path = home / part[2:] if part.startswith("~/") else Path(part)
            # A slip such as HISTFILE=/ must not hide all, and /dev/null says that there is no such file.
            if part and part != os.devnull and path.is_absolute() and len(path.parts) > 2:
                yield path


def _holds_secret(path: Path) -> bool:
    if EXAMPLE.search(path.name):
        return False
    text = _text(path)
    if path.name == "config":
        return bool(SECRET_VALUE.search(text))
    return any(looks_secret(name, value) for name, value in ASSIGNMENT.findall(text))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:100_000]
    except OSError:
        return ""  # not even the user can read it

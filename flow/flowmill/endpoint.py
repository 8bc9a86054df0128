"""Where the model answers and with which key: a key goes only to the host that it was set beside."""

from __future__ import annotations

import importlib
import ipaddress
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import urlsplit

from flowmill.model.redact import redactor, shown, url_secrets
from flowmill.options import EMBEDDED
from flowmill.settings import PROJECT, Settings

OPENAI = "https://api.openai.com/v1"
KEYRING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model server; `base_url` None is the model that flowmill runs itself.

    Neither `str()` nor `repr()` of it shows the key or a password in the address.
    `source` says in words what chose it; `note` why a key that is there is not sent.
    """

    base_url: str | None = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    source: str = "default"
    note: str = ""

    @property
    def shown_url(self) -> str:
        """The address as messages name it, "embedded" if there is none."""
        return shown(self.base_url) if self.base_url else EMBEDDED

    def redact(self, text: str) -> str:
        """The text without the key, the address's password and whatever looks like a key."""
        return redactor([self.api_key or "", *(url_secrets(self.base_url) if self.base_url else ())])(text)


class Keyring:
    """The system's keyring, asked for service "flowmill" and the endpoint's host as user name."""

    def get(self, host: str) -> str | None:
        """The key, None if there is none or the keyring does not answer in time.

        Keyrings block on an unlock dialogue, fail without a desktop and are slow to
        import: so it is asked in a thread that may be left behind, and only when needed.
        """
        found: list[str | None] = []
        thread = threading.Thread(target=lambda: found.append(_ask_keyring(host)), daemon=True)
        thread.start()
        thread.join(KEYRING_SECONDS)
        return found[0] if found else None


def find_endpoint(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    embedded: Collection[str] = (),
    keyring: Keyring | None = None,
) -> Endpoint:
    """The endpoint that the settings and the environment choose.

    An address that was set is used; else, with a key in the environment, OpenAI's own;
    else the embedded model. Asking by name for one of the `embedded` models means
    the embedded model unless an address was set.
    """
    url = settings.base_url
    source = settings.sources.get("base_url", "default")
    if url is None and settings.model not in embedded:
        name = next((name for name in ("FLOWMILL_API_KEY", "OPENAI_API_KEY") if _value(environ, name)), None)
        url, source = (OPENAI, f"${name}") if name else (None, "default")
    if url is None or url == EMBEDDED:
        return Endpoint(None, None, settings.model, source)
    key, note = api_key(url, environ, from_project=source == PROJECT, keyring=keyring or Keyring())
    return Endpoint(url, key, settings.model, source, note)


def api_key(
    base_url: str, environ: Mapping[str, str], *, from_project: bool = False, keyring: Keyring | None = None
) -> tuple[str | None, str]:
    """The key for the address, and "" or why one that is set is not sent there.

    FLOWMILL_API_KEY is flowmill's own: it goes to whatever endpoint the user (or a project
    that they trust) chose. OPENAI_API_KEY goes to OpenAI, to the host of OPENAI_BASE_URL,
    and to this machine if the user chose that address, but to no other host. Last, the keyring.
    """
    own = _value(environ, "FLOWMILL_API_KEY")
    if own:
        return own, ""
    openai = _value(environ, "OPENAI_API_KEY")
    beside = _value(environ, "OPENAI_BASE_URL")
    local = is_local(base_url)
    if openai and (_origin(base_url) in {_origin(OPENAI), _origin(beside)} or (local and not from_project)):
        return openai, ""
    stored = None if local or keyring is None else keyring.get(urlsplit(base_url).hostname or "")
    if stored or not openai:
        return stored, ""
    host = urlsplit(base_url).hostname
    return (
        None,
        f"OPENAI_API_KEY is not sent to {host}: set FLOWMILL_API_KEY for it, or OPENAI_BASE_URL beside the key",
    )


def is_local(base_url: str) -> bool:
    """Whether the address is this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name such as 127.0.0.1.example.org is anybody's


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port: the same host over plain http is not the same place for a key."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # a bracket or a port that is none
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _ask_keyring(host: str) -> str | None:
    try:
        keyring: ModuleType = importlib.import_module("keyring")
        found: object = keyring.get_password("flowmill", host)
    except (
        Exception
    ):  # backends raise whatever their desktop raises; a run must not end for a missing keyring
        return None
    return found if isinstance(found, str) and found else None

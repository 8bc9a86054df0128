"""Which variables of the user's environment the project's tests get."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from flowmill.sandbox.declared import Declared, declared_environment
from flowmill.sandbox.secrets import looks_secret

ALLOWED = (
    # where programs and libraries are
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH", "LIBRARY_PATH", "NIX_LD", "NIX_LD_LIBRARY_PATH", "PKG_CONFIG_PATH", "JAVA_HOME", "R_HOME",
    "SPARK_HOME", "GDAL_DATA", "PROJ_LIB", "PROJ_DATA", "MAGICK_HOME", "GI_TYPELIB_PATH", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS",
    # language, time, terminal
    "LANG", "LANGUAGE", "LC_*", "LOCPATH", "TZ", "TZDIR", "TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR",
    "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS",
    # Python, its environments and tests
    "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONDEVMODE",
    "PYTHONOPTIMIZE", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH", "PYTHONPLATLIBDIR", "PYTHONTZPATH",
    "PYTHONMALLOC", "PYTHONASYNCIODEBUG", "PYTHONUNBUFFERED", "PYTHONINTMAXSTRDIGITS", "PYTHONCOERCECLOCALE",
    "PYTHONLEGACYWINDOWSFSENCODING", "PYTHON_GIL", "PYTHON_JIT", "PYTHON_CPU_COUNT", "VIRTUAL_ENV", "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV", "CONDA_PYTHON_EXE", "CONDA_EXE", "PYENV_ROOT", "PYENV_VERSION", "UV_PROJECT_ENVIRONMENT",
    "PYTEST_*", "HYPOTHESIS_*", "TYPEGUARD_*", "BEARTYPE_*", "SOURCE_DATE_EPOCH", "CI", "CONTINUOUS_INTEGRATION",
    "GITHUB_ACTIONS", "GITLAB_CI",
    # frameworks and numeric libraries
    "DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION", "DJANGO_ALLOW_ASYNC_UNSAFE", "FLASK_APP", "FLASK_ENV",
    "FLASK_DEBUG", "MPLBACKEND", "QT_QPA_PLATFORM", "QT_API", "PYTEST_QT_API", "SDL_VIDEODRIVER", "SDL_AUDIODRIVER",
    "OMP_*", "OPENBLAS_*", "GOTO_NUM_THREADS", "MKL_*", "BLIS_*", "NUMEXPR_*", "VECLIB_*", "KMP_*", "NUMBA_*", "JAX_*",
    "XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH",
    "PYTORCH_*", "TORCH_HOME", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM", "NLTK_DATA",
    "ARROW_*", "SETUPTOOLS_USE_DISTUTILS", "SETUPTOOLS_SCM_PRETEND_VERSION*", "PBR_VERSION", "HATCH_BUILD_*",
    # certificates that are public
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OPENSSL_CONF",
    # Windows starts no program without these
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS", "NUMBER_OF_PROCESSORS", "PROCESSOR_*",
    "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES*", "ALLUSERSPROFILE",
    "USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PUBLIC", "COMPUTERNAME",
)  # fmt: skip
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Set to 1 unless the user sets them: idle workers spin beside the model, and a process with threads cannot fork."""
OUTER_PYTEST = re.compile(
    r"^(PYTEST_CURRENT_TEST|PYTEST_VERSION|PYTEST_XDIST_.*|COV_CORE_.*|COVERAGE_PROCESS_.*)$"
)
OWN = re.compile(r"^(FLOWMILL_|OPENAI_API_KEY$)")
"""What flowmill itself is started with; no project is ever trusted with the model's key."""


def project_environment(
    environ: Mapping[str, str],
    root: Path,
    extra: Mapping[str, str] | None = None,
    *,
    pass_env: Iterable[str] = (),
    trusted: bool = False,
) -> dict[str, str]:
    """The environment of the project's tests: a whitelist, and what its configuration names or sets.

    `pass_env` are names or patterns of the user's settings. What looks like a secret, by
    name or by value, passes only if it is named in full and the project is trusted.
    `extra` is flowmill's own and wins over all.
    """
    declared = declared_environment(root, environ)
    named = (*declared.names, *pass_env)
    passed = {
        name: value
        for name, value in environ.items()
        if _passes(name, value, named, trusted) and _is_kept(name)
    }
    given = {name: value for name, value in declared.values.items() if _is_kept(name)}
    return dict.fromkeys(THREADS, "1") | given | passed | dict(extra or {})


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """All that looks like no secret, for flowmill's own helpers: wider than what tests get."""
    return {
        name: value
        for name, value in environ.items()
        if not looks_secret(name) and not OUTER_PYTEST.match(name)
    }


def withheld(
    environ: Mapping[str, str], root: Path, *, pass_env: Iterable[str] = (), trusted: bool = False
) -> tuple[str, ...]:
    """The variables that the configuration names and that are kept back since they look like secrets."""
    declared: Declared = declared_environment(root, environ)
    named = (*declared.names, *pass_env)
    return tuple(
        name
        for name, value in environ.items()
        if name in named and not (_passes(name, value, named, trusted) and _is_kept(name))
    )


def _is_kept(name: str) -> bool:
    return not OUTER_PYTEST.match(name) and not OWN.match(name.upper())


def _passes(name: str, value: str, named: Iterable[str], trusted: bool) -> bool:
    # Names of variables know no case on Windows.
    plain = name.upper() if os.name == "nt" else name
    if looks_secret(plain, value):
        return trusted and name in named
    return any(fnmatchcase(plain, pattern) for pattern in (*ALLOWED, *named))

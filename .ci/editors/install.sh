#!/bin/sh
# Installs the editors that the tests drive, where that was asked for (CI=true) and is possible.
# What cannot be had is said, and its tests skip.
[ "${CI:-}" = true ] || exit 0
cd "$(dirname "$0")" || exit 1
# VS Code takes minutes: only where FLOWMILL_VSCODE=1 asks for it.
for script in neovim.sh emacs.sh ${FLOWMILL_VSCODE:+vscode.sh}; do
    [ -f "$script" ] || continue
    sh "$script" || echo "$script: not installed; its tests are skipped"
done

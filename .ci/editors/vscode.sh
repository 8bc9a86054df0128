#!/bin/sh
# Puts a real VS Code (code-server) and the driver of its browser into FLOWMILL_EDITORS_DIR, once.
# Needs node 20, npm, make, a C++ compiler, libkrb5's headers, ripgrep and chromium, of which Debian's packages are
# installed where that is possible; says what is missing and ends with 0, since tests that need it then skip with the reason.
set -eu
version=4.100.3
folder=${FLOWMILL_EDITORS_DIR:-$HOME/.cache/flowmill-editors}
stamp=$folder/vscode-$version

skip() { echo "VS Code is not installed: $1" >&2; exit 0; }

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && ! { command -v rg && command -v chromium; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium libkrb5-dev pkg-config ripgrep >/dev/null || skip "Debian's packages cannot be had"
fi

repository=$(cd "$(dirname "$0")/../.." && pwd)
for program in node npm make c++ rg; do
    command -v "$program" >/dev/null 2>&1 || skip "$program is missing"
done
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || skip "chromium is missing"

modules() { npm install --ignore-scripts --no-audit --no-fund --loglevel=error "$@"; }

if [ ! -f "$stamp" ]; then
    mkdir -p "$folder"
    cd "$folder"
    [ -f package.json ] || echo '{"private": true}' > package.json
    modules "code-server@$version" playwright-core@1.65.1 || skip "npm could not fetch it"
    vscode=$folder/node_modules/code-server/lib/vscode
    gyp=$(npm root -g 2>/dev/null)/npm/node_modules/node-gyp/bin
    (cd "$vscode" && modules --omit=dev) || skip "npm could not fetch its parts"
    (cd "$vscode/extensions" && modules --omit=dev) || skip "npm could not fetch its extensions' parts"
    # node-pty's last step, for a program that is not used, fails; what is needed is looked at below.
    (cd "$vscode" && npm rebuild --loglevel=silent @vscode/spdlog @parcel/watcher native-watchdog kerberos node-pty) || true
    mkdir -p "$vscode/node_modules/@vscode/ripgrep/bin"
    cp "$(command -v rg)" "$vscode/node_modules/@vscode/ripgrep/bin/"
    # node's own headers where they are installed beside it; else node-gyp fetches them.
    home=$(dirname "$(dirname "$(node -p process.execPath)")")
    headers=$([ ! -f "$home/include/node/node.h" ] || echo "--nodedir=$home")
    (cd node_modules/argon2 && PATH=$PATH:$gyp node ../@mapbox/node-pre-gyp/bin/node-pre-gyp configure build $headers >"$folder/argon2.log" 2>&1) ||
        skip "argon2 could not be built"
    (cd "$vscode" && node -e 'for (const part of ["@vscode/spdlog", "@parcel/watcher", "native-watchdog", "node-pty"]) require(part)') ||
        skip "its native parts could not be built"
    node node_modules/code-server/out/node/entry.js --version >/dev/null || skip "it does not start"
    touch "$stamp"
fi

# The extension itself, when something of it has changed.
cd "$repository/editors/vscode"
wanted=$(find . ../../flow ../../server \( -name node_modules -o -name dist -o -name __pycache__ \) -prune -o -type f -print0 | sort -z | xargs -0 cat | cksum)
if [ ! -f dist/flowmill.vsix ] || [ "$(cat dist/built 2>/dev/null)" != "$wanted" ]; then
    npm ci --no-audit --no-fund --loglevel=error || skip "npm could not fetch what the extension is built with"
    PYTHON=${PYTHON:-$repository/.venv/bin/python} npm run --silent package
    printf '%s' "$wanted" > dist/built
fi

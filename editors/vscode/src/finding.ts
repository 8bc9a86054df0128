/** Where the server is. Pure but for `exists`, which the caller gives. */

import * as path from "node:path";

export interface Found {
  readonly command: string;
  readonly args: readonly string[];
  /** In words, for the log. */
  readonly by: string;
}

export interface Where {
  readonly serverPath: string;
  readonly interpreter: string;
  /** Selected in the Python extension, one per folder. */
  readonly selected: readonly string[];
  readonly folders: readonly string[];
  /** The environment that `flowmill.install` makes. */
  readonly installed: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly windows: boolean;
  readonly exists: (file: string) => boolean;
}

/** Not `-m`, which looks into the working directory first: a module of the workspace must not take the place of ours. */
export const SERVE =
  "import sys; sys.path[:1] = [] if sys.path[:1] == [''] else sys.path[:1]; " +
  "from flowmill.cli.main import main; sys.exit(main(['server']))";

/** The first server that is there; undefined if there is none. What the user set is taken as it is. */
export function findServer(where: Where): Found | undefined {
  const first = where.folders[0];
  if (where.serverPath) {
    return { command: expanded(where.serverPath, first, where), args: ["server"], by: "flowmill.serverPath" };
  }
  if (where.interpreter) {
    const python = expanded(where.interpreter, first, where);
    return { command: python, args: ["-c", SERVE], by: "flowmill.interpreter" };
  }
  const found = candidates(where).find(([file]) => where.exists(file));
  return found && { command: found[0], args: ["server"], by: found[1] };
}

function candidates(where: Where): [file: string, by: string][] {
  const bin = where.windows ? "Scripts" : "bin";
  const name = where.windows ? "flowmill.exe" : "flowmill";
  const home = where.env["HOME"] ?? where.env["USERPROFILE"] ?? "";
  const data = where.env["XDG_DATA_HOME"] ?? path.join(home, ".local", "share");
  const roaming = where.env["APPDATA"] ?? path.join(home, "AppData", "Roaming");
  const tools = where.env["UV_TOOL_DIR"] ?? (where.windows ? path.join(roaming, "uv", "tools") : path.join(data, "uv", "tools"));
  const pipx = [where.env["PIPX_HOME"], path.join(data, "pipx"), path.join(home, ".local", "pipx"), path.join(home, "pipx")];
  const onPath = (where.env["PATH"] ?? where.env["Path"] ?? "").split(where.windows ? ";" : ":").filter(Boolean);
  return [
    ...where.selected.filter(Boolean).flatMap((python) =>
      // Beside the interpreter; a Python for Windows that is no environment keeps them in a folder of their own.
      (where.windows ? ["", bin] : [""]).map((folder): [string, string] => [
        path.join(path.dirname(python), folder, name),
        "the selected Python environment",
      ]),
    ),
    ...where.folders.flatMap((folder) =>
      [".venv", "venv"].map((venv): [string, string] => [path.join(folder, venv, bin, name), `${venv} of the workspace`]),
    ),
    ...onPath.map((folder): [string, string] => [path.join(folder, name), "the PATH"]),
    [path.join(home, ".local", "bin", name), "the user's programs"],
    [path.join(tools, "flowmill", bin, name), "uv's tools"],
    ...pipx.filter((folder) => folder !== undefined).map((folder): [string, string] => [
      path.join(folder, "venvs", "flowmill", bin, name),
      "pipx",
    ]),
    [path.join(where.installed, bin, name), "the extension's own environment"],
  ];
}

function expanded(text: string, folder: string | undefined, where: Where): string {
  const home = where.env["HOME"] ?? where.env["USERPROFILE"] ?? "";
  const whole = text.replace("${workspaceFolder}", folder ?? "").replace(/^~(?=[/\\])/, home);
  const named = !/[/\\]/.test(whole);
  return named || path.isAbsolute(whole) || folder === undefined ? whole : path.join(folder, whole);
}

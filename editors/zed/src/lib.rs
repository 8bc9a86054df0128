//! Starts `flowmill server` for Python and hands it the user's settings. Everything else is the server's.

use zed_extension_api::settings::LspSettings;
use zed_extension_api::{self as zed, serde_json, LanguageServerId, Result, Worktree};

const MISSING: &str = "flowmill was not found: install it with `uv tool install flowmill` or \
    `pipx install flowmill`, or name it in the settings under lsp.flowmill.binary.path";

struct Flowmill;

impl zed::Extension for Flowmill {
    fn new() -> Self {
        Flowmill
    }

    fn language_server_command(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<zed::Command> {
        let named = LspSettings::for_worktree(id.as_ref(), worktree)
            .ok()
            .and_then(|settings| settings.binary)
            .and_then(|binary| binary.path);
        Ok(zed::Command {
            command: named.or_else(|| worktree.which("flowmill")).ok_or(MISSING)?,
            args: vec!["server".into()],
            env: worktree.shell_env(),
        })
    }

    fn language_server_initialization_options(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<serde_json::Value>> {
        Ok(LspSettings::for_worktree(id.as_ref(), worktree)?.initialization_options)
    }

    fn language_server_workspace_configuration(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<serde_json::Value>> {
        let settings = LspSettings::for_worktree(id.as_ref(), worktree)?.settings;
        Ok(settings.map(|table| serde_json::json!({ "flowmill": table })))
    }
}

zed::register_extension!(Flowmill);

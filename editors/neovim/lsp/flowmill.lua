-- The server's entry for vim.lsp.enable('flowmill'); what a user sets with vim.lsp.config('flowmill', …) goes before it.
local server = require('flowmill.server')

---@type vim.lsp.Config
return {
  cmd = server.command(),
  filetypes = { 'python' },
  root_dir = server.root,
  init_options = { flow = { events = true } },
  capabilities = server.capabilities,
  handlers = require('flowmill.handlers'),
  commands = require('flowmill.actions'),
  on_exit = server.on_exit,
}

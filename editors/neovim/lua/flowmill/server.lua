--- Which server is started, for which folder, and how it is talked to.
local M = {}

local MARKERS = { 'pyproject.toml', 'setup.cfg', 'setup.py', 'pytest.ini', 'tox.ini', '.git' }

--- The server's command line: of the active environment, else of the project's, else the one in PATH.
---@return string[]
function M.command()
  local active = vim.env.VIRTUAL_ENV
  local places = { active and active .. '/bin/flowmill', vim.fn.getcwd() .. '/.venv/bin/flowmill' }
  for _, place in pairs(places) do
    if vim.fn.executable(place) == 1 then
      return { place, 'server' }
    end
  end
  return { 'flowmill', 'server' }
end

--- The project of a buffer; a file outside any project has its folder.
---@param bufnr integer
---@param on_dir fun(dir: string)
function M.root(bufnr, on_dir)
  local name = vim.api.nvim_buf_get_name(bufnr)
  if name ~= '' then
    on_dir(vim.fs.root(bufnr, MARKERS) or vim.fs.dirname(name))
  end
end

-- Versioned edits, so that one for a text that is not there any more is refused; and the documents of runs.
M.capabilities = {
  workspace = {
    workspaceEdit = { documentChanges = true, resourceOperations = { 'rename', 'create', 'delete' } },
    textDocumentContent = { dynamicRegistration = true },
  },
}

---@param code integer
---@param signal integer
---@param id integer
function M.on_exit(code, signal, id)
  vim.schedule(function()
    require('flowmill.events').lost(id)
  end)
end

--- The server of a buffer, or nil with a line that says how to get one.
---@param bufnr integer
---@return vim.lsp.Client?
function M.client(bufnr)
  local client = vim.lsp.get_clients({ name = 'flowmill', bufnr = bufnr })[1]
  if not client then
    local about = vim.bo[bufnr].filetype == 'python' and "is not running: see :checkhealth flowmill"
      or 'works on Python files'
    vim.notify('flow: the server ' .. about, vim.log.levels.WARN)
  end
  return client
end

--- Run a command of the server; what goes wrong is told in its words.
---@param client vim.lsp.Client
---@param command string
---@param argument? table
---@param done? fun(result: any)
function M.execute(client, command, argument, done)
  local params = { command = command, arguments = argument and { argument } or {} }
  client:request('workspace/executeCommand', params, function(err, result)
    if err then
      vim.notify('flow: ' .. (err.message or 'the server did not say why'), vim.log.levels.WARN)
    elseif done then
      done(result)
    end
  end)
end

--- Stop the server and start it again for the buffers that it had.
function M.restart()
  local clients = vim.lsp.get_clients({ name = 'flowmill' })
  vim.lsp.enable('flowmill', false)
  local function again()
    for _, client in ipairs(clients) do
      if not client:is_stopped() then
        return vim.defer_fn(again, 50)
      end
    end
    vim.lsp.enable('flowmill')
  end
  again()
end

return M

--- :checkhealth flowmill
local M = {}

local health = vim.health

local function check_editor()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok('Neovim ' .. version)
  else
    health.error('Neovim ' .. version .. ' is too old', 'Install Neovim 0.11 or newer')
  end
end

local function check_command()
  local command = vim.lsp.config.flowmill and vim.lsp.config.flowmill.cmd
  if type(command) ~= 'table' then
    return health.info('the server is started by a function of your configuration')
  end
  if vim.fn.executable(command[1]) == 0 then
    local advice = 'Install it: pip install flowmill, pipx install flowmill or uv tool install flowmill'
    return health.error(command[1] .. ' was not found', { advice, 'Or set cmd with vim.lsp.config()' })
  end
  local ran, answer = pcall(function()
    return vim.system({ command[1], '--version' }, { text = true, timeout = 20000 }):wait()
  end)
  if ran and answer.code == 0 then
    health.ok(('%s: %s'):format(vim.fn.exepath(command[1]), vim.trim(answer.stdout)))
  else
    local said = ran and vim.trim((answer.stderr or ''):match('[^\n]*\n?$')) or tostring(answer)
    health.error(command[1] .. ' does not start: ' .. said, 'Run it in a terminal: ' .. command[1] .. ' doctor')
  end
end

local function check_server()
  if not vim.lsp.is_enabled('flowmill') then
    health.warn('the server is not enabled', "Add vim.lsp.enable('flowmill') to your configuration")
  else
    health.ok('the server is enabled for Python files')
  end
  local clients = vim.lsp.get_clients({ name = 'flowmill' })
  for _, client in ipairs(clients) do
    health.ok(('running for %s, %d buffers'):format(client.root_dir or 'single files', vim.tbl_count(client.attached_buffers)))
  end
  if #clients == 0 then
    health.info('no server is running now: one starts with the first Python file')
  end
end

local function check_options()
  local given = vim.g.flowmill
  local _, problems = require('flowmill.options').check(type(given) == 'table' and given or {})
  for _, problem in ipairs(problems) do
    health.warn(problem, ':help flowmill-options')
  end
  if #problems == 0 then
    health.ok('options: ' .. vim.inspect(require('flowmill.options').get(), { newline = ' ', indent = '' }))
  end
end

function M.check()
  health.start('flowmill')
  check_editor()
  check_command()
  check_server()
  check_options()
  health.info('`flowmill doctor` in the project tells of its tests, the sandbox and the model')
end

return M

--- Takes what the server tells of runs, and has it drawn: at once, then at most every 50 ms.
local runs = require('flowmill.runs')
local M = {}

local EVERY = 50
local BEAT = 1000
local VIEWS = { 'flowmill.outcomes', 'flowmill.live', 'flowmill.diff', 'flowmill.quickfix' }

---@type table<string, true>
local due = {}
local drawing = false
local beating = false

local function draw()
  local now = due
  due = {}
  for id in pairs(now) do
    local run = runs.get(id)
    for _, view in ipairs(run and VIEWS or {}) do
      local ok, problem = pcall(require(view).draw, run)
      if not ok then
        vim.notify_once('flow: ' .. tostring(problem), vim.log.levels.ERROR)
      end
    end
  end
  vim.cmd.redrawstatus({ bang = true })
end

local function later()
  if next(due) then
    draw()
    vim.defer_fn(later, EVERY)
  else
    drawing = false
  end
end

--- The seconds go on while nothing else happens.
local function beat()
  beating = false
  for _, run in ipairs(runs.all()) do
    if runs.busy(run) then
      M.poke(run)
    end
  end
end

---@param run flowmill.Run
function M.poke(run)
  due[run.id] = true
  if not drawing then
    drawing = true
    vim.schedule(later)
  end
  if runs.busy(run) and not beating then
    beating = true
    vim.defer_fn(beat, BEAT)
  end
end

--- The state of a run became another one.
local function announce(run)
  local data = { run = run.id, name = run.name, state = run.state }
  vim.api.nvim_exec_autocmds('User', { pattern = 'FlowRun', modeline = false, data = data })
end

--- An event of the server.
function M.take(client, event)
  local run = runs.take(client, event)
  if event.type == 'run.started' then
    require('flowmill.outcomes').place(run, event.target.start)
    announce(run)
  elseif event.type == 'run.finished' then
    announce(run)
  end
  M.poke(run)
end

--- A run was asked for here: it shows before it has told anything.
function M.asked(client, id, bufnr, argument)
  local run = runs.at(client, id)
  if run.target then
    return
  end
  run.bufnr = bufnr
  run.name = argument.qualname and argument.qualname:match('[^.@]+$') or ''
  local line = argument.position and argument.position.line + 1
  require('flowmill.outcomes').place(run, line or vim.api.nvim_win_get_cursor(0)[1])
  M.poke(run)
end

--- Ask the server where its runs stand: what was accepted, undone or replaced is told by no event.
---@param id integer the client
function M.settle(id)
  local client = vim.lsp.get_client_by_id(id)
  if not client or client:is_stopped() then
    return
  end
  client:request('workspace/executeCommand', { command = 'flow.runs', arguments = {} }, function(err, list)
    for _, told in ipairs(not err and list or {}) do
      local run = runs.get(told.run)
      if run and run.state ~= told.state then
        run.state = told.state
        run.problem = type(told.problem) == 'string' and told.problem or nil
        announce(run)
        M.poke(run)
      end
    end
  end)
end

--- A buffer's text changed.
---@param bufnr integer
function M.text_changed(bufnr)
  local asked = {}
  for _, run in ipairs(runs.all()) do
    if run.bufnr == bufnr then
      if run.state == 'done' then
        require('flowmill.outcomes').clear(run)
      elseif run.state == 'ready' or run.state == 'accepted' then
        asked[run.client] = true
      end
    end
  end
  for client in pairs(asked) do
    M.settle(client)
  end
end

--- The server ended: nothing of its runs goes on.
---@param client integer
function M.lost(client)
  for _, run in ipairs(runs.all()) do
    if run.client == client and runs.open(run) then
      run.state = 'lost'
      announce(run)
      M.poke(run)
    end
  end
end

return M

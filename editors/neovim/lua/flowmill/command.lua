--- :Flow and what its words do.
local runs = require('flowmill.runs')
local server = require('flowmill.server')
local M = {}

local function warn(text)
  vim.notify('flow: ' .. text, vim.log.levels.WARN)
end

--- The run that a word without a number is about: the one at the cursor, else the buffer's, else any.
---@param fits fun(run: flowmill.Run): boolean
---@param none string what is said if there is none
---@return flowmill.Run?
local function find(fits, none)
  local bufnr, line = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1] - 1
  local shown = require('flowmill.diff').run_of(bufnr)
  local best, nearest
  for _, run in ipairs(runs.all()) do
    if fits(run) then
      local at = run.bufnr == bufnr and require('flowmill.outcomes').line(run)
      local away = run == shown and -1 or at and math.abs(line - at) or run.bufnr == bufnr and 1e6 or 1e9
      if not best or away < nearest then
        best, nearest = run, away
      end
    end
  end
  if not best then
    warn(none)
  end
  return best
end

local function is_ready(run)
  return run.state == 'ready'
end

local function has_drafts(run)
  return run.newest > 0 and run.state ~= 'lost'
end

local function begin(command)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = server.client(bufnr)
  if client then
    local position = { line = vim.api.nvim_win_get_cursor(0)[1] - 1, character = 0 }
    local argument = { uri = vim.uri_from_bufnr(bufnr), position = position }
    client:exec_cmd({ title = command, command = command, arguments = { argument } }, { bufnr = bufnr })
  end
end

--- Run a command on a run, and look what became of it.
---@param command string
---@param run flowmill.Run
---@param more? table
function M.on_run(command, run, more)
  local client = vim.lsp.get_client_by_id(run.client)
  if not client then
    return warn('the server of this run is not there any more')
  end
  server.execute(client, command, vim.tbl_extend('error', { run = run.id }, more or {}), function()
    require('flowmill.events').settle(run.client)
  end)
end

---@param run flowmill.Run
---@param hunks? integer[] from 0; all without
function M.accept_run(run, hunks)
  M.on_run('flow.accept', run, hunks and { hunks = hunks })
end

--- Accept the hunks at these lines of the current buffer.
function M.accept_lines(run, first, last)
  local hunks = require('flowmill.diff').hunks(run, vim.api.nvim_get_current_buf(), first, last)
  if not hunks or #hunks == 0 then
    return warn('there is no hunk here')
  end
  M.accept_run(run, hunks)
end

function M.generate()
  begin('flow.generate')
end

function M.repair()
  begin('flow.repair')
end

--- `:Flow accept`, `:Flow accept 1 3`, `:.Flow accept`
---@param words? string[] numbers of hunks, from 1
---@param lines? { [1]: integer, [2]: integer }
function M.accept(words, lines)
  local run = find(is_ready, 'no result waits to be accepted')
  if not run then
    return
  end
  if lines then
    return M.accept_lines(run, lines[1], lines[2])
  end
  local hunks = vim.tbl_map(tonumber, words or {})
  if #hunks ~= #(words or {}) then
    return warn('accept takes the numbers of hunks, from 1')
  end
  M.accept_run(run, #hunks > 0 and vim.tbl_map(function(number)
    return number - 1
  end, hunks) or nil)
end

function M.discard()
  local run = find(is_ready, 'no result waits')
  if run then
    M.on_run('flow.discard', run)
  end
end

function M.cancel()
  local run = find(runs.busy, 'nothing is running')
  if run then
    M.on_run('flow.cancel', run)
  end
end

function M.diff()
  local run = find(has_drafts, 'there is no draft yet')
  if run then
    require('flowmill.diff').open(run)
  end
end

function M.live()
  local run = find(has_drafts, 'there is no draft yet')
  if run then
    require('flowmill.live').toggle(run)
  end
end

function M.log()
  local run = find(function()
    return true
  end, 'there was no run yet')
  if run then
    vim.cmd('keepalt split flow:/run/' .. run.id .. '/log.md')
  end
end

--- Choose one of the runs, and see its log.
function M.runs()
  local words = require('flowmill.words')
  local items = runs.all()
  if #items == 0 then
    return warn('there was no run yet')
  end
  local format = function(run)
    return ('%s · %s · %s'):format(run.name, run.state, words.line(run))
  end
  vim.ui.select(items, { prompt = 'Runs of flow', format_item = format }, function(run)
    if run then
      vim.cmd('keepalt split flow:/run/' .. run.id .. '/log.md')
    end
  end)
end

function M.restart()
  server.restart()
end

--- How much an offer of the server is wanted as the next step; nil if it is none.
---@param action lsp.CodeAction
---@return integer?
local function rank(action)
  local command = action.command and action.command.command or ''
  if action.disabled then
    return nil
  elseif vim.startswith(action.title, 'Flow: accept') then
    return action.isPreferred and 1 or nil
  end
  return ({ ['flow.showDiff'] = 2, ['flow.cancel'] = 3 })[command]
    or action.kind == 'quickfix.flow' and 4
    or action.title == 'Generate with flow' and 5
    or command == 'flow.repair' and 6
    or nil
end

---@param client vim.lsp.Client
---@param action lsp.CodeAction
local function act(client, bufnr, action)
  if action.edit then
    vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  elseif action.command.command == 'flow.cancel' then
    warn('still working: there is no draft yet')
  else
    client:exec_cmd(action.command, { bufnr = bufnr })
  end
end

--- The next step at the cursor: accept what is verified, look at what is not, else begin. The server's menu decides.
function M.next()
  local bufnr = vim.api.nvim_get_current_buf()
  local shown = require('flowmill.diff').run_of(bufnr)
  if shown then
    return M.accept_run(shown)
  end
  local client = server.client(bufnr)
  if not client then
    return
  end
  local params = vim.lsp.util.make_range_params(0, client.offset_encoding)
  params.context = { diagnostics = {}, triggerKind = 1 }
  client:request('textDocument/codeAction', params, function(err, found)
    local actions = vim.tbl_filter(rank, not err and found or {})
    table.sort(actions, function(one, other)
      return rank(one) < rank(other)
    end)
    if actions[1] then
      act(client, bufnr, actions[1])
    else
      warn('put the cursor into a function')
    end
  end, bufnr)
end

local WORDS = {
  'accept', 'cancel', 'diff', 'discard', 'generate', 'live', 'log', 'repair', 'restart', 'runs',
}

---@param args vim.api.keyset.create_user_command.command_args
function M.run(args)
  local word = args.fargs[1]
  if not word then
    M.next()
  elseif not vim.list_contains(WORDS, word) then
    warn(('there is no :Flow %s; there are %s'):format(word, table.concat(WORDS, ', ')))
  else
    M[word](vim.list_slice(args.fargs, 2), args.range > 0 and { args.line1, args.line2 } or nil)
  end
end

--- The words that begin so, and the numbers of the hunks that `accept` takes.
---@return string[]
function M.complete(lead, line)
  local before = vim.split(line:gsub('^.-Flow%s+', ''), '%s+')
  local choices = #before <= 1 and WORDS or {}
  if before[1] == 'accept' and #before > 1 then
    local shown = require('flowmill.diff').run_of(vim.api.nvim_get_current_buf())
    local run = shown or runs.current(0)
    local diff = run and run.finished and run.finished.diff or ''
    for number in ipairs(require('flowmill.patch').hunks(diff)) do
      choices[#choices + 1] = tostring(number)
    end
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, choices)
end

return M

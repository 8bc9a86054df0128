--- The user's text on the left, with the draft on the right; live while drafts are written.
local options = require('flowmill.options')
local patch = require('flowmill.patch')
local runs = require('flowmill.runs')
local words = require('flowmill.words')
local M = {}

---@class flowmill.View
---@field run string
---@field left integer window
---@field right integer window
---@field buf integer
---@field diff string of what the right side shows
---@type flowmill.View?
local view
---@type table<string, true>
local closed = {}

local function visible()
  return view and vim.api.nvim_win_is_valid(view.right) and vim.api.nvim_buf_is_valid(view.buf)
end

--- Whether the run is seen side by side.
---@param run flowmill.Run
function M.shows(run)
  return visible() and view.run == run.id or false
end

--- The draft that is being written in the function's place, indented as that is.
local function written(run, lines)
  local draft = run.streaming and run.drafts[run.streaming]
  local code = draft and words.code(draft.streamed) or ''
  if code == '' then
    return nil
  end
  local first = require('flowmill.outcomes').line(run) or run.target.start - 1
  local indent = (lines[first + 1] or ''):match('^%s*')
  local fresh = vim.split((code:gsub('\n$', '')), '\n')
  local own = fresh[1]:match('^%s*')
  local result = vim.list_slice(lines, 1, first)
  for _, line in ipairs(fresh) do
    local rest = vim.startswith(line, own) and line:sub(#own + 1) or line
    result[#result + 1] = rest == '' and '' or indent .. rest
  end
  return vim.list_extend(result, lines, first + 1 + run.target['end'] - run.target.start + 1)
end

--- What the right side shows, and as which diff.
---@return string[]? lines, string diff
local function content(run)
  local lines = vim.api.nvim_buf_get_lines(run.bufnr, 0, -1, false)
  local shown = runs.shown(run)
  local diff = run.finished and run.finished.diff or shown and shown.diff or ''
  return not run.finished and written(run, lines) or patch.apply(lines, diff), diff
end

local function winbar(run)
  local text = ('flow: %s · %s'):format(run.name, words.line(run)):gsub('%%', '%%%%')
  return text .. (run.state == 'ready' and '%=a hunk · A all · x discard · q close ' or '%=X cancel · q close ')
end

local function fill(run)
  local lines, diff = content(run)
  if lines then
    vim.bo[view.buf].modifiable = true
    vim.api.nvim_buf_set_lines(view.buf, 0, -1, false, lines)
    vim.bo[view.buf].modifiable = false
  end
  view.diff = diff
  vim.wo[view.right][0].winbar = winbar(run)
  vim.api.nvim_win_call(view.right, function()
    vim.cmd('silent! diffupdate')
  end)
  return lines ~= nil
end

local function keys(buf, run)
  local command = require('flowmill.command')
  local function map(key, what, act)
    vim.keymap.set({ 'n', 'x' }, key, act, { buffer = buf, nowait = true, desc = 'flow: ' .. what })
  end
  map('a', 'accept the hunk here', function()
    local first, last = vim.fn.line('v'), vim.fn.line('.')
    command.accept_lines(run, math.min(first, last), math.max(first, last))
  end)
  map('A', 'accept all', function()
    command.accept_run(run)
  end)
  map('x', 'discard', function()
    command.on_run('flow.discard', run)
  end)
  map('X', 'cancel', function()
    command.on_run('flow.cancel', run)
  end)
  map('q', 'close', M.close)
end

--- Show the run side by side; `quiet` leaves the cursor where it is.
---@param run? flowmill.Run
---@param quiet? boolean
function M.open(run, quiet)
  if not run or not run.bufnr or vim.fn.bufwinid(run.bufnr) == -1 then
    return vim.notify('flow: the function of this run is in no window', vim.log.levels.WARN)
  end
  M.close()
  closed[run.id] = nil
  local left = vim.fn.bufwinid(run.bufnr)
  local buf = vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].syntax = 'python'
  local right = vim.api.nvim_open_win(buf, not quiet, { split = 'right', win = left })
  view = { run = run.id, left = left, right = right, buf = buf, diff = '' }
  keys(buf, run)
  if not fill(run) then
    M.close()
    return vim.cmd.split('flow:/run/' .. run.id .. '/result.diff')
  end
  for _, win in ipairs({ left, right }) do
    vim.api.nvim_win_call(win, vim.cmd.diffthis)
  end
  vim.bo[buf].modifiable = false
  if not quiet then
    vim.cmd('silent! normal! gg]c')
  end
  require('flowmill.events').poke(run)
end

function M.close()
  local old = view
  view = nil
  if old and vim.api.nvim_win_is_valid(old.left) then
    vim.api.nvim_win_call(old.left, vim.cmd.diffoff)
  end
  if old and vim.api.nvim_win_is_valid(old.right) then
    closed[old.run] = true
    vim.api.nvim_win_close(old.right, true)
  end
end

---@param run flowmill.Run
function M.draw(run)
  if M.shows(run) then
    if runs.open(run) then
      fill(run)
    else
      M.close()
    end
  elseif options.get().live == 'split' and not view and not closed[run.id] and runs.busy(run) and run.newest > 0 then
    M.open(run, true)
  end
end

--- The numbers, from 0, of the hunks at these lines of the buffer; nil if it is not part of the view.
---@return integer[]?
function M.hunks(run, bufnr, first, last)
  local diff = M.shows(run) and view.diff or run.finished and run.finished.diff
  if diff and (bufnr == run.bufnr or M.shows(run) and bufnr == view.buf) then
    return patch.touched(diff, first, last, bufnr ~= run.bufnr)
  end
end

--- The run that the buffer belongs to as the right side of the view.
---@return flowmill.Run?
function M.run_of(bufnr)
  return visible() and view.buf == bufnr and runs.get(view.run) or nil
end

return M

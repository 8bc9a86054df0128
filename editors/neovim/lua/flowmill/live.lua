--- A small window in which the draft is seen while it is written, and the result until it is accepted or not.
local options = require('flowmill.options')
local runs = require('flowmill.runs')
local words = require('flowmill.words')
local M = {}

local space = vim.api.nvim_create_namespace('flowmill.live')
---@type { run: string, win: integer, buf: integer }?
local open
---@type table<string, true>
local closed = {}

local HINT = ' :Flow accept · diff · discard '

local function visible()
  return open and vim.api.nvim_win_is_valid(open.win) and vim.api.nvim_buf_is_valid(open.buf)
end

--- Code lines, and the group in which each is shown.
---@return string[] lines, table<integer, string> groups, string syntax
local function content(run)
  local draft = runs.shown(run)
  if run.finished and run.finished.diff ~= '' then
    local lines, groups = {}, {}
    for line in vim.gsplit(run.finished.diff, '\n', { plain = true, trimempty = true }) do
      if not line:match('^%-%-%- ') and not line:match('^%+%+%+ ') then
        lines[#lines + 1] = line
        groups[#lines] = ({ ['+'] = 'FlowAdded', ['-'] = 'FlowRemoved', ['@'] = 'FlowQuiet' })[line:sub(1, 1)]
      end
    end
    return lines, groups, ''
  end
  local writing = run.streaming and run.drafts[run.streaming] or draft
  local code = writing and (writing.code or words.code(writing.streamed)) or ''
  return vim.split(code ~= '' and code or '…', '\r?\n'), {}, 'python'
end

local function outcomes(run)
  local lines = {}
  for _, test in ipairs(words.sorted(runs.shown(run))) do
    local group = test.outcome == 'passed' and 'FlowPassed' or test.outcome == 'skipped' and 'FlowQuiet'
    lines[#lines + 1] = { { words.test(test), group or 'FlowFailed' } }
  end
  return lines
end

local function share(value, whole)
  return math.max(1, math.floor(value < 1 and value * whole or math.min(value, whole - 4)))
end

local function place(run, lines, below)
  local opts = options.get()
  local width = share(opts.width, vim.o.columns)
  local height = math.min(share(opts.height, vim.o.lines), #lines + below)
  local title = (' flow: %s · %s '):format(run.name, words.line(run))
  return {
    relative = 'editor', anchor = 'NE', row = 1, col = vim.o.columns, width = width, height = height,
    style = 'minimal', border = 'rounded', focusable = true, zindex = 40,
    title = vim.fn.strcharpart(title, 0, width), title_pos = 'left',
    footer = run.state == 'ready' and HINT or ' :Flow cancel ', footer_pos = 'right',
  }
end

---@param run flowmill.Run
local function show(run)
  local lines, groups, syntax = content(run)
  local below = outcomes(run)
  local buf = visible() and open.buf or vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].syntax = syntax
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.api.nvim_buf_clear_namespace(buf, space, 0, -1)
  for number, group in pairs(groups) do
    vim.api.nvim_buf_set_extmark(buf, space, number - 1, 0, { line_hl_group = group })
  end
  vim.api.nvim_buf_set_extmark(buf, space, #lines - 1, 0, { virt_lines = below })
  local config = place(run, lines, #below)
  if visible() then
    vim.api.nvim_win_set_config(open.win, config)
    open.run = run.id
    return
  end
  config.noautocmd = true
  open = { run = run.id, buf = buf, win = vim.api.nvim_open_win(buf, false, config) }
  vim.wo[open.win].wrap = false
end

function M.close()
  if visible() then
    vim.api.nvim_win_close(open.win, true)
  end
  open = nil
end

--- The window of a run, nil if it is not shown.
---@return integer? win, integer? buf
function M.window()
  if visible() then
    return open.win, open.buf
  end
end

local function wanted(run)
  return options.get().live == 'float' and not closed[run.id] and runs.open(run)
    and (run.finished or next(run.drafts) ~= nil) and not require('flowmill.diff').shows(run)
end

---@param run flowmill.Run
function M.draw(run)
  local shown = visible() and runs.get(open.run)
  if shown and shown ~= run and runs.busy(shown) then
    return
  end
  if wanted(run) then
    show(run)
  elseif shown == run then
    M.close()
  end
end

--- Hide the window of a run for good, or show it again.
---@param run flowmill.Run
function M.toggle(run)
  if visible() and open.run == run.id then
    closed[run.id] = true
    M.close()
  else
    closed[run.id] = nil
    show(run)
  end
end

return M

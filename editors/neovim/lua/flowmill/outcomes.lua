--- A run in one line at the end of its function's `def` line; it moves with the text.
local runs = require('flowmill.runs')
local words = require('flowmill.words')
local M = {}

local space = vim.api.nvim_create_namespace('flowmill.outcomes')

--- The buffer of a run: the one with its file.
---@param run flowmill.Run
---@return integer?
local function buffer_of(run)
  if run.bufnr and vim.api.nvim_buf_is_loaded(run.bufnr) then
    return run.bufnr
  end
  local file = run.target and vim.uv.fs_realpath(run.target.file)
  for _, bufnr in ipairs(file and vim.api.nvim_list_bufs() or {}) do
    local name = vim.api.nvim_buf_is_loaded(bufnr) and vim.api.nvim_buf_get_name(bufnr) or ''
    if name ~= '' and vim.uv.fs_realpath(name) == file then
      return bufnr
    end
  end
end

--- The line, from 0, of the `def` that is meant by a line in or at it.
local function def_line(bufnr, name, line)
  local function defines(number)
    local text = vim.api.nvim_buf_get_lines(bufnr, number, number + 1, false)[1] or ''
    local found = text:match('^%s*def%s+([^%s(]+)') or text:match('^%s*async%s+def%s+([^%s(]+)')
    return found and (name == '' or found == name)
  end
  local count = vim.api.nvim_buf_line_count(bufnr)
  for away = 0, count do
    for _, number in ipairs({ line - 1 - away, line - 1 + away }) do
      if number >= 0 and number < count and defines(number) then
        return number
      end
    end
  end
  return math.min(line, count) - 1
end

--- Remember where the run's function is.
---@param run flowmill.Run
---@param line integer from 1, in the function
function M.place(run, line)
  run.bufnr = buffer_of(run)
  if run.bufnr then
    local at = def_line(run.bufnr, run.name, line)
    run.mark = vim.api.nvim_buf_set_extmark(run.bufnr, space, at, 0, { id = run.mark })
  end
end

--- The line of the function now, from 0.
---@param run flowmill.Run
---@return integer?
function M.line(run)
  if run.mark and run.bufnr and vim.api.nvim_buf_is_loaded(run.bufnr) then
    return vim.api.nvim_buf_get_extmark_by_id(run.bufnr, space, run.mark, {})[1]
  end
end

---@param run flowmill.Run
function M.clear(run)
  if run.mark and run.bufnr and vim.api.nvim_buf_is_valid(run.bufnr) then
    vim.api.nvim_buf_del_extmark(run.bufnr, space, run.mark)
    run.mark = nil
  end
end

local function pieces(run)
  local status = run.finished and run.finished.status
  local group = runs.busy(run) and 'FlowWorking' or status == 'verified' and 'FlowPassed' or 'FlowFailed'
  local text = { { '  flow: ' .. words.line(run), group } }
  local first = words.sorted(runs.shown(run))[1]
  if first and first.outcome ~= 'passed' and first.outcome ~= 'skipped' then
    text[2] = { '  ' .. words.test(first), 'FlowQuiet' }
  end
  return text
end

---@param run flowmill.Run
function M.draw(run)
  local line = M.line(run)
  if not line then
    return
  end
  if not (runs.open(run) or run.state == 'done') then
    M.clear(run)
  elseif require('flowmill.options').get().outcomes then
    local more = { id = run.mark, virt_text = pieces(run), hl_mode = 'combine' }
    vim.api.nvim_buf_set_extmark(run.bufnr, space, line, 0, more)
  end
end

return M

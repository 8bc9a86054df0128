--- One quickfix list per run: the tests of the draft that counts, never opened by itself.
local runs = require('flowmill.runs')
local words = require('flowmill.words')
local M = {}

---@type table<string, integer>
local lists = {}
---@type table<string, string>
local written = {}

--- The project's folder: node ids are relative to it.
local function file_of(run, id)
  local name = id:match('^(.-)::') or id
  for dir in vim.fs.parents(run.target.file) do
    if vim.uv.fs_stat(dir .. '/' .. name) then
      return dir .. '/' .. name
    end
  end
  return name
end

--- The line in the test's file that failed, by its traceback.
local function line_of(test)
  local name = (test.id:match('^(.-)::') or test.id):match('[^/]+$')
  local found
  for path, line in test.details:gmatch('([^\n:]+):(%d+): ') do
    found = path:match('[^/]+$') == name and tonumber(line) or found
  end
  return found or 1
end

local function item(run, test)
  local fine = test.outcome == 'passed' or test.outcome == 'skipped'
  return {
    filename = file_of(run, test.id),
    lnum = fine and 0 or line_of(test),
    text = words.test(test),
    type = fine and 'I' or 'E',
    valid = fine and 0 or 1,
  }
end

local function draft_of(run)
  return run.drafts[run.best or 0]
end

---@param run flowmill.Run
function M.draw(run)
  local draft = draft_of(run)
  if not draft or not run.target or not require('flowmill.options').get().quickfix then
    return
  end
  local passed, total = runs.score(run, draft)
  local key = ('%d:%d:%d'):format(draft.number, passed, #draft.order)
  if written[run.id] == key or (not lists[run.id] and passed == #draft.order) then
    return
  end
  written[run.id] = key
  local items = vim.tbl_map(function(test)
    return item(run, test)
  end, words.sorted(draft))
  local which = draft.number == 0 and 'before' or 'draft ' .. draft.number
  local what = { title = ('flow: %s · %s · %d/%d tests'):format(run.name, which, passed, total), items = items }
  local known = lists[run.id] and vim.fn.getqflist({ id = lists[run.id] }).id == lists[run.id]
  what.id = known and lists[run.id] or nil
  vim.fn.setqflist({}, known and 'r' or ' ', what)
  lists[run.id] = known and lists[run.id] or vim.fn.getqflist({ id = 0 }).id
end

return M

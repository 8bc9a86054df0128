--- What is said of a run in one line. Pure.
local runs = require('flowmill.runs')
local M = {}

local DOING = {
  tests = 'running the tests',
  context = 'reading the code around it',
  confirm = 'confirming',
  ideas = 'model thinking',
  reflect = 'model thinking',
}

---@param run flowmill.Run
---@return string
local function score(run, draft)
  local passed, total = runs.score(run, draft)
  return ('%d/%d %s'):format(passed, total, total == 1 and 'test' or 'tests')
end

---@param run flowmill.Run
local function doing(run)
  if run.streaming then
    return 'model writing'
  end
  return DOING[run.stage] or (run.state == 'queued' and 'starting' or 'working')
end

---@param run flowmill.Run
local function seconds(run)
  local spent = run.finished and run.finished.t or (vim.uv.now() / 1000 - run.since)
  return ('%d s'):format(spent)
end

--- `draft 2 · 7/9 tests · best 8/9 tests · 12 s · model writing`, or how the run came out.
---@param run flowmill.Run
---@return string
function M.line(run)
  local draft = runs.shown(run)
  if run.finished then
    return M.ending(run)
  end
  local parts = {}
  if draft and draft.number > 0 then
    parts[1] = 'draft ' .. draft.number
  end
  if draft and #draft.order > 0 then
    parts[#parts + 1] = score(run, draft) .. (draft.number == 0 and ' before' or '')
  end
  local best = run.best and run.drafts[run.best]
  if best and best ~= draft then
    parts[#parts + 1] = 'best ' .. score(run, best)
  end
  parts[#parts + 1] = seconds(run)
  parts[#parts + 1] = doing(run)
  return table.concat(parts, ' · ')
end

--- `verified · 4/4 tests`
---@param run flowmill.Run
---@return string
function M.ending(run)
  local status = run.finished and run.finished.status
  local draft = runs.shown(run)
  local words = run.state == 'lost' and 'the server ended'
    or run.state ~= 'ready' and run.state ~= 'done' and run.state
    or ({ verified = 'verified', unchanged = 'nothing was changed', cancelled = 'cancelled' })[status]
    or 'not verified'
  if draft and #draft.order > 0 and status ~= 'cancelled' then
    return words .. ' · ' .. score(run, draft)
  end
  return words
end

--- For the statusline; '' if there is no run to speak of.
---@param run? flowmill.Run
---@return string
function M.status(run)
  return run and ('flow: %s · %s'):format(run.name, M.line(run)) or ''
end

--- The code in a model's answer, as far as it came; its thoughts before that are not code.
---@param text string
---@return string
function M.code(text)
  local _, fence = text:find('```[%w]*\n')
  local code = fence and text:sub(fence + 1) or (text:match('^%s*def .*') or text:match('\n%s*def .*') or '')
  return (code:gsub('\n```.*$', ''):gsub('^\n', ''))
end

---@param test table a `test` event
---@return string
function M.test(test)
  local name = test.id:gsub('^.-::', '')
  if test.outcome == 'passed' then
    return '✓ ' .. name
  end
  local word = test.outcome == 'failed' and '' or ' ' .. test.outcome
  return ('✗ %s%s%s'):format(name, word, test.message ~= '' and ': ' .. test.message or '')
end

--- The tests of a draft, those that did not pass first.
---@param draft? flowmill.Draft
---@return table[] events
function M.sorted(draft)
  local bad, good = {}, {}
  for _, id in ipairs(draft and draft.order or {}) do
    local test = draft.tests[id]
    table.insert((test.outcome == 'passed' or test.outcome == 'skipped') and good or bad, test)
  end
  return vim.list_extend(bad, good)
end

return M

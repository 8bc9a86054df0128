--- The runs as their events tell them. No window and no buffer is touched here.
local M = {}

---@class flowmill.Draft
---@field number integer
---@field streamed string the model's answer as far as it came
---@field code? string
---@field diff? string
---@field tests table<string, table> the last `test` event by test
---@field order string[] tests in the order in which they came
---@field passed? integer
---@field failed? integer

---@class flowmill.Run
---@field id string
---@field client integer
---@field name string
---@field state 'queued'|'working'|'ready'|'done'|'cancelled'|'accepted'|'discarded'|'replaced'|'lost'
---@field drafts table<integer, flowmill.Draft> 0 is the code as it stands
---@field newest integer
---@field streaming? integer the draft that is being written
---@field best? integer
---@field stage string
---@field tests integer how many were chosen
---@field since number seconds, of the machine's clock
---@field target? table
---@field finished? table
---@field bufnr? integer
---@field mark? integer the extmark on its `def` line
---@field problem? string

---@type table<string, flowmill.Run>
local runs = {}
---@type string[]
local order = {}
local KEPT = 64

local BUSY = { queued = true, working = true }

---@param run flowmill.Run
function M.busy(run)
  return BUSY[run.state] or false
end

---@param run flowmill.Run
function M.open(run)
  return BUSY[run.state] or run.state == 'ready'
end

---@return flowmill.Run?
function M.get(id)
  return runs[id]
end

--- The newest first.
---@return flowmill.Run[]
function M.all()
  return vim.iter(order):rev():map(M.get):totable()
end

--- The run with this id, made if it is new.
---@return flowmill.Run
function M.at(client, id)
  if not runs[id] then
    runs[id] = {
      id = id, client = client, name = '', state = 'queued', drafts = {}, newest = 0,
      stage = '', tests = 0, since = vim.uv.now() / 1000,
    }
    order[#order + 1] = id
    if #order > KEPT then
      runs[table.remove(order, 1)] = nil
    end
  end
  return runs[id]
end

---@param run flowmill.Run
---@return flowmill.Draft
local function draft_of(run, number)
  local new = { number = number, streamed = '', tests = {}, order = {} }
  run.drafts[number] = run.drafts[number] or new
  run.newest = math.max(run.newest, number)
  return run.drafts[number]
end

local FINISHED = { verified = 'ready', improved = 'ready', cancelled = 'cancelled' }

local TAKES = {
  ['run.started'] = function(run, event)
    run.target, run.state = event.target, 'working'
    run.name = event.target.qualname:match('[^.@]+$') or event.target.qualname
  end,
  ['tests.selected'] = function(run, event)
    run.tests = #event.tests
  end,
  stage = function(run, event)
    run.stage = event.state == 'started' and event.name or ''
  end,
  ['draft.delta'] = function(run, event)
    local draft = draft_of(run, event.draft)
    draft.streamed = draft.streamed .. event.text
    run.streaming = event.draft
  end,
  draft = function(run, event)
    local draft = draft_of(run, event.draft)
    draft.code, draft.diff = event.code, event.diff
    run.streaming = run.streaming ~= event.draft and run.streaming or nil
  end,
  test = function(run, event)
    local draft = draft_of(run, event.draft)
    if not draft.tests[event.id] then
      draft.order[#draft.order + 1] = event.id
    end
    draft.tests[event.id] = event
  end,
  ['draft.scored'] = function(run, event)
    local draft = draft_of(run, event.draft)
    draft.passed, draft.failed = event.passed, event.failed
    run.best = event.best and event.draft or run.best
  end,
  ['run.finished'] = function(run, event)
    run.finished, run.streaming = event, nil
    run.best = type(event.best) == 'number' and event.best or run.best
    run.state = FINISHED[event.status] or 'done'
  end,
}

--- Take an event in; the run that it is of.
---@return flowmill.Run
function M.take(client, event)
  local run = M.at(client, event.run)
  local take = TAKES[event.type]
  if take then
    take(run, event)
  end
  return run
end

--- The draft that a user wants to see: being tested or written, and at the end the best one.
---@param run flowmill.Run
---@return flowmill.Draft?
function M.shown(run)
  if run.finished or run.stage == 'confirm' then
    return run.drafts[run.best or 0]
  end
  for number = run.newest, 1, -1 do
    if run.drafts[number] and run.drafts[number].code then
      return run.drafts[number]
    end
  end
  return run.drafts[run.newest]
end

---@param draft flowmill.Draft
---@return integer passed, integer total
function M.score(run, draft)
  if draft.passed then
    return draft.passed, draft.passed + draft.failed
  end
  local passed = 0
  for _, test in pairs(draft.tests) do
    passed = passed + (test.outcome == 'passed' and 1 or 0)
  end
  return passed, math.max(run.tests, #draft.order)
end

--- The run that matters most in a buffer: one that works, else one whose result waits; the newest of them.
---@param bufnr integer 0 for the current one
---@return flowmill.Run?
function M.current(bufnr)
  bufnr = bufnr == 0 and vim.api.nvim_get_current_buf() or bufnr
  local waiting
  for _, run in ipairs(M.all()) do
    if run.bufnr == bufnr and BUSY[run.state] then
      return run
    end
    waiting = waiting or (run.bufnr == bufnr and run.state == 'ready' and run or nil)
  end
  return waiting
end

return M

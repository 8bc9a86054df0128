--- The plugin's own options; the server's settings belong into vim.lsp.config('flowmill', { settings = … }).
local M = {}

---@class flowmill.Options
---@field live 'float'|'split'|false where drafts are seen while they are written
---@field outcomes boolean whether a run is told at the end of the function's `def` line
---@field quickfix boolean whether a run's failing tests make a quickfix list
---@field width number of the float: columns, or a share of the screen if below 1
---@field height number of the float: lines, or a share of the screen if below 1
M.defaults = { live = 'float', outcomes = true, quickfix = true, width = 0.45, height = 0.6 }

local CHECKS = {
  live = function(value)
    return value == 'float' or value == 'split' or value == false
  end,
  outcomes = function(value)
    return type(value) == 'boolean'
  end,
  quickfix = function(value)
    return type(value) == 'boolean'
  end,
  width = function(value)
    return type(value) == 'number' and value > 0
  end,
  height = function(value)
    return type(value) == 'number' and value > 0
  end,
}

---@type table?
local given

--- The values that are bad or unknown, one line each; they are left out.
---@param opts table
---@return table good, string[] problems
function M.check(opts)
  local good, problems = {}, {}
  for name, value in vim.spairs(opts) do
    if not CHECKS[name] then
      problems[#problems + 1] = ('there is no option %s'):format(name)
    elseif not CHECKS[name](value) then
      problems[#problems + 1] = ('option %s cannot be %s'):format(name, vim.inspect(value))
    else
      good[name] = value
    end
  end
  return good, problems
end

---@param opts table
function M.set(opts)
  local good, problems = M.check(opts)
  given = good
  for _, problem in ipairs(problems) do
    vim.notify('flow: ' .. problem .. ' (:help flowmill-options)', vim.log.levels.WARN)
  end
end

--- The options as they are now: those of setup(), else of vim.g.flowmill, else the defaults.
---@return flowmill.Options
function M.get()
  local table = given or (M.check(type(vim.g.flowmill) == 'table' and vim.g.flowmill or {}))
  return vim.tbl_extend('force', M.defaults, table)
end

return M

--- Unified diffs: read, and made on lines. Pure.
local M = {}

---@class flowmill.Hunk
---@field old integer first line before, from 1
---@field old_count integer
---@field new integer first line after, from 1
---@field new_count integer
---@field before string[]
---@field after string[]

---@param diff string
---@return flowmill.Hunk[]
function M.hunks(diff)
  local found = {}
  for line in vim.gsplit(diff, '\n', { plain = true, trimempty = true }) do
    local old, old_count, new, new_count = line:match('^@@ %-(%d+),?(%d*) %+(%d+),?(%d*) @@')
    local mark, text = line:sub(1, 1), line:sub(2):gsub('\r$', '')
    local hunk = found[#found]
    if old then
      found[#found + 1] = {
        old = tonumber(old), old_count = tonumber(old_count) or 1,
        new = tonumber(new), new_count = tonumber(new_count) or 1,
        before = {}, after = {},
      }
    elseif hunk then
      if mark == ' ' or mark == '-' or line == '' then
        table.insert(hunk.before, text)
      end
      if mark == ' ' or mark == '+' or line == '' then
        table.insert(hunk.after, text)
      end
    end
  end
  return found
end

--- Where the hunk's lines begin now: near where they were. nil if they are not there any more.
local function place(lines, hunk, guess)
  local function fits(at)
    for number, text in ipairs(hunk.before) do
      if lines[at + number - 1] ~= text then
        return false
      end
    end
    return at >= 1
  end
  for away = 0, #lines do
    for _, at in ipairs({ guess + away, guess - away }) do
      if fits(at) then
        return at
      end
    end
  end
end

--- The lines with the diff made; nil if it does not fit.
---@param lines string[]
---@param diff string
---@return string[]?
function M.apply(lines, diff)
  local result, done, moved = {}, 0, 0
  for _, hunk in ipairs(M.hunks(diff)) do
    -- A hunk without a line before stands after the line that it names.
    local named = hunk.old_count == 0 and hunk.old + 1 or hunk.old
    local at = place(lines, hunk, named + moved)
    if not at or at <= done then
      return nil
    end
    moved = at - named
    vim.list_extend(result, lines, done + 1, at - 1)
    vim.list_extend(result, hunk.after)
    done = at + #hunk.before - 1
  end
  return vim.list_extend(result, lines, done + 1)
end

--- The numbers from 0 of the hunks that touch these lines, of the text `after` or before.
---@param diff string
---@param first integer from 1
---@param last integer
---@param after boolean
---@return integer[]
function M.touched(diff, first, last, after)
  local found = {}
  for number, hunk in ipairs(M.hunks(diff)) do
    local start = after and hunk.new or hunk.old
    local count = after and hunk.new_count or hunk.old_count
    if start <= last and first <= start + count - 1 then
      found[#found + 1] = number - 1
    end
  end
  return found
end

return M

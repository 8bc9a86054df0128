--- What users call. Nothing here starts anything by itself: vim.lsp.enable('flowmill') does.
local M = {}

--- Set options (see |flowmill-options|) and enable the server; `opts` may be left out.
---@param opts? table
function M.setup(opts)
  require('flowmill.options').set(opts or {})
  vim.lsp.enable('flowmill')
end

--- One piece for the statusline, '' when there is nothing to say: `flow: add · draft 2 · 7/9 tests · 12 s`.
---@return string
function M.status()
  if not package.loaded['flowmill.runs'] then
    return ''
  end
  return require('flowmill.words').status(require('flowmill.runs').current(0))
end

--- The next step at the cursor: generate or repair, or accept the verified result that waits.
function M.next()
  require('flowmill.command').next()
end

--- What the commands `:Flow generate`, `repair`, `accept` … do.
for _, name in ipairs({ 'generate', 'repair', 'accept', 'discard', 'cancel', 'diff', 'log', 'runs' }) do
  M[name] = function(...)
    require('flowmill.command')[name](...)
  end
end

return M

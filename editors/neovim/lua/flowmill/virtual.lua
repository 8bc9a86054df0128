--- The documents of runs: flow:/run/RUN/log.md, result.diff, draft.py. The server writes them and says when they changed.
local M = {}

local KINDS = { md = 'markdown', diff = 'diff', py = 'python' }

local function fill(buf, text)
  if not vim.api.nvim_buf_is_valid(buf) then
    return
  end
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, vim.split(text:gsub('\n$', ''), '\n'))
  vim.bo[buf].modifiable = false
  vim.bo[buf].modified = false
end

local function ask(buf)
  local uri = vim.api.nvim_buf_get_name(buf)
  local run = require('flowmill.runs').get(uri:match('/run/([^/]+)/'))
  local client = run and vim.lsp.get_client_by_id(run.client) or vim.lsp.get_clients({ name = 'flowmill' })[1]
  if not client then
    return fill(buf, 'The server is not running.')
  end
  client:request('workspace/textDocumentContent', { uri = uri }, function(err, result)
    fill(buf, err and err.message or result.text)
  end)
end

--- Read a document into its buffer.
---@param buf integer
function M.read(buf)
  vim.bo[buf].buftype = 'nofile'
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].swapfile = false
  vim.bo[buf].filetype = KINDS[vim.api.nvim_buf_get_name(buf):match('%.(%a+)$')] or ''
  ask(buf)
end

--- The document has changed.
---@param uri string
function M.refresh(uri)
  local buf = vim.fn.bufnr('^' .. vim.fn.escape(uri, '.[]*?~\\') .. '$')
  if buf ~= -1 and vim.api.nvim_buf_is_loaded(buf) then
    ask(buf)
  end
end

return M

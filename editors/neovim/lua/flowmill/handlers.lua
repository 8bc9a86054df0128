--- What the server says and asks, where Neovim's own answer would be louder or less exact.
local M = {}

M['flow/event'] = function(_, event, ctx)
  require('flowmill.events').take(ctx.client_id, event)
end

--- A line that never makes the user press a key; the whole of it is in :messages.
M['window/showMessage'] = function(_, params)
  local text = params.message:gsub('%s*\n%s*', ' ')
  local group = ({ 'ErrorMsg', 'WarningMsg' })[params.type]
  local room = math.max(vim.v.echospace, 20)
  if vim.fn.strdisplaywidth(text) <= room then
    vim.api.nvim_echo({ { text, group } }, true, {})
    return
  end
  -- The whole of it is remembered, without a key being asked for, and drawn over at once.
  local before = vim.o.messagesopt
  vim.o.messagesopt = 'wait:0,' .. before:match('history:%d+')
  vim.api.nvim_echo({ { text, group } }, true, {})
  vim.cmd.redraw()
  vim.o.messagesopt = before
  vim.api.nvim_echo({ { vim.fn.strcharpart(text, 0, room - 2) .. '…', group } }, false, {})
end

--- Neovim says that it made an edit when the text was newer and it did not; the server must know.
M['workspace/applyEdit'] = function(_, params, ctx)
  for _, change in ipairs(params.edit.documentChanges or {}) do
    local document = change.textDocument
    local bufnr = document and vim.uri_to_bufnr(document.uri)
    local version = bufnr and vim.lsp.util.buf_versions[bufnr]
    if version and type(document.version) == 'number' and version > document.version then
      return { applied = false, failureReason = 'the buffer changed meanwhile' }
    end
  end
  local client = assert(vim.lsp.get_client_by_id(ctx.client_id))
  local ok, problem = pcall(vim.lsp.util.apply_workspace_edit, params.edit, client.offset_encoding)
  return { applied = ok, failureReason = not ok and tostring(problem) or nil }
end

M['workspace/textDocumentContent/refresh'] = function(_, params)
  require('flowmill.virtual').refresh(params.uri)
  return vim.NIL
end

return M

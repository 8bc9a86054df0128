--- What code actions do on this side; the same functions serve :Flow.
local M = {}

local function begin(command, ctx)
  local server = require('flowmill.server')
  local client = vim.lsp.get_client_by_id(ctx.client_id)
  local argument = command.arguments[1]
  if client then
    server.execute(client, command.command, argument, function(result)
      require('flowmill.events').asked(client.id, result.run, ctx.bufnr, argument)
    end)
  end
end

M['flow.generate'] = begin
M['flow.repair'] = begin

M['flow.showDiff'] = function(command)
  require('flowmill.diff').open(require('flowmill.runs').get(command.arguments[1].run))
end

return M

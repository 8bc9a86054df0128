if vim.g.loaded_flowmill then
  return
end
vim.g.loaded_flowmill = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('flow: this plugin needs Neovim 0.11 or newer', vim.log.levels.WARN)
  return
end

vim.api.nvim_create_user_command('Flow', function(args)
  require('flowmill.command').run(args)
end, {
  nargs = '*',
  range = true,
  desc = 'flow: write or repair the function under the cursor',
  complete = function(lead, line)
    return require('flowmill.command').complete(lead, line)
  end,
})

vim.keymap.set('n', '<Plug>(flowmill-next)', '<Cmd>Flow<CR>', { desc = 'flow: the next step' })

local group = vim.api.nvim_create_augroup('flowmill', {})

vim.api.nvim_create_autocmd('BufReadCmd', {
  group = group,
  pattern = 'flow:/run/*',
  desc = "A run's document, as the server has it",
  callback = function(args)
    require('flowmill.virtual').read(args.buf)
  end,
})

vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  pattern = 'end',
  desc = 'What became of a run is asked for when its progress ends',
  callback = function(args)
    local token = args.data.params.token
    if type(token) == 'string' and vim.startswith(token, 'flow/') then
      require('flowmill.events').settle(args.data.client_id)
    end
  end,
})

vim.api.nvim_create_autocmd({ 'TextChanged', 'InsertLeave' }, {
  group = group,
  desc = 'An edit may have taken a result, or undone it',
  callback = function(args)
    if package.loaded['flowmill.events'] then
      require('flowmill.events').text_changed(args.buf)
    end
  end,
})

for name, link in pairs({
  FlowPassed = 'DiagnosticOk',
  FlowFailed = 'DiagnosticError',
  FlowWorking = 'DiagnosticInfo',
  FlowQuiet = 'Comment',
  FlowAdded = 'DiffAdd',
  FlowRemoved = 'DiffDelete',
}) do
  vim.api.nvim_set_hl(0, name, { link = link, default = true })
end

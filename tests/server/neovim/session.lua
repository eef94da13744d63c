-- A session of Neovim 0.7 or later, without a screen, set up by the lines of `serve --help`.
-- Those lines are its init.lua. Arguments come in the environment: PROGRAM, RESULT (file to write).
vim.opt.swapfile = false
vim.opt.shada = ''

local result = {}
local get_clients = vim.lsp.get_clients or vim.lsp.get_active_clients
local is_list = vim.islist or vim.tbl_islist

local function finish()
  local file = io.open(vim.env.RESULT, 'w')
  file:write(vim.fn.json_encode(result))
  file:close()
  vim.cmd('qall!')
end

local function check(what, condition, detail)
  if not condition then
    result.failed = what .. ': ' .. vim.inspect(detail)
    finish()
    error(result.failed)
  end
end

local function wait_for(what, condition)
  check('waiting for ' .. what, vim.wait(30000, condition, 20), what)
end

vim.lsp.handlers['window/showMessage'] = function(_, message)
  if message.type < 3 then result.shown = message.message else result.told = message.message end
end

local ok, problem = pcall(function()
  vim.cmd('edit ' .. vim.env.PROGRAM)
  local buffer = vim.api.nvim_get_current_buf()
  wait_for('the client to start', function() return #get_clients() == 1 end)
  local client = get_clients()[1].id

  local function lines() return vim.api.nvim_buf_get_lines(buffer, 0, -1, true) end

  local function ask(method, params)
    local answers, problem = vim.lsp.buf_request_sync(buffer, method, params, 30000)
    check(method, answers ~= nil, problem)
    local answer = answers[client]
    check(method, answer ~= nil and answer.error == nil, answers)
    return answer.result
  end

  local function at(line, column)
    vim.api.nvim_win_set_cursor(0, { line, column })
    return vim.lsp.util.make_position_params(0, 'utf-16')
  end

  local function codes()
    local found = {}
    for _, item in ipairs(vim.diagnostic.get(buffer)) do
      found[#found + 1] = item.code or (item.user_data and item.user_data.lsp.code)
    end
    return found
  end

  wait_for('diagnostics', function() return vim.tbl_contains(codes(), 'ASM001') end)
  result.diagnostics = codes()

  -- Code action: what is meant by ADDD.
  local params = at(5, 5)
  local actions = ask('textDocument/codeAction', {
    textDocument = params.textDocument,
    range = { start = params.position, ['end'] = params.position },
    context = { diagnostics = vim.lsp.diagnostic.get_line_diagnostics(buffer, 4) },
  })
  for _, action in ipairs(actions or {}) do
    if action.edit and action.title:find('ADD', 1, true) then
      result.action = action.title
      vim.lsp.util.apply_workspace_edit(action.edit, 'utf-16')
      break
    end
  end
  wait_for('the action to mend it', function()
    return lines()[5]:find('ADD$') ~= nil and not vim.tbl_contains(codes(), 'ASM001')
  end)

  local hover = ask('textDocument/hover', at(5, 5))
  result.hover = hover.contents.value

  local definition = ask('textDocument/definition', at(6, 11))
  local place = is_list(definition) and definition[1] or definition
  result.definition = (place.range or place.targetSelectionRange).start.line

  params = at(6, 11)
  params.newName = 'finish'
  vim.lsp.util.apply_workspace_edit(ask('textDocument/rename', params), 'utf-16')
  result.renamed = lines()

  local edits = ask('textDocument/formatting', {
    textDocument = params.textDocument,
    options = { tabSize = 4, insertSpaces = true },
  })
  vim.lsp.util.apply_text_edits(edits, buffer, 'utf-16')
  result.formatted = lines()

  result.offered = vim.tbl_map(
    function(item) return item.label end, ask('textDocument/completion', at(3, 8)).items
  )

  local run = ask('workspace/executeCommand', {
    command = 'nvm.run', arguments = { params.textDocument.uri },
  })
  result.outcome = run.outcome

  if vim.fn.exists(':NvmRun') == 2 then
    vim.cmd('NvmRun')
    local function report()
      local shown = vim.fn.bufnr('nvm-lsp run')
      return shown == -1 and '' or table.concat(vim.api.nvim_buf_get_lines(shown, 0, -1, true), '\n')
    end
    wait_for('the report', function() return report():find('steps') ~= nil end)
    result.report = report()
    local space = vim.api.nvim_get_namespaces()['nvm_lsp']
    result.marks = vim.api.nvim_buf_get_extmarks(buffer, space, 0, -1, { details = true })
    result.colour = vim.fn.synIDattr(vim.fn.synID(3, 5, 1), 'name')
  end

  -- A run that fails says so at its line, in every version.
  vim.api.nvim_buf_set_lines(buffer, 8, 10, true, { '    PUSH1 0', '    PUSH1 0', '    REVERT' })
  wait_for('the mended text', function() return not vim.tbl_contains(codes(), 'ASM001') end)
  result.failure = ask('workspace/executeCommand', {
    command = 'nvm.run', arguments = { params.textDocument.uri },
  }).outcome
  wait_for('the failure', function() return vim.tbl_contains(codes(), 'revert') end)

  vim.lsp.stop_client(client)
  wait_for('the server to leave', function()
    return vim.lsp.client_is_stopped(client)
  end)
end)
if not ok and not result.failed then result.failed = tostring(problem) end
finish()

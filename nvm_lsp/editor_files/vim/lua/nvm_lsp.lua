-- Running the program of a buffer, in Neovim 0.7 and later. `:NvmRun` calls it.
local M = {}

local space = vim.api.nvim_create_namespace('nvm_lsp')

-- Shows text, in Markdown, in a window below; the cursor stays where it is.
local function show(text)
  local buffer = vim.fn.bufadd('nvm-lsp run')
  vim.fn.bufload(buffer)
  vim.bo[buffer].buftype = 'nofile'
  vim.bo[buffer].filetype = 'markdown'
  local lines = vim.split(text, '\n')
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, lines)
  if vim.fn.bufwinid(buffer) == -1 then
    local here = vim.api.nvim_get_current_win()
    vim.cmd('botright ' .. math.min(#lines, 15) .. 'split')
    vim.api.nvim_win_set_buf(0, buffer)
    vim.wo.wrap = false
    vim.api.nvim_set_current_win(here)
  end
end

-- Marks behind lines, where Neovim has no inlay hints that say the same; the next edit clears them.
local function mark(buffer, marks)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  if vim.lsp.inlay_hint and vim.lsp.inlay_hint.is_enabled({ bufnr = buffer }) then return end
  for _, found in ipairs(marks) do
    if found.line and found.line <= vim.api.nvim_buf_line_count(buffer) then
      vim.api.nvim_buf_set_extmark(buffer, space, found.line - 1, 0, {
        virt_text = { { found.text, 'Comment' } },
      })
    end
  end
  vim.api.nvim_buf_attach(buffer, false, {
    on_lines = function()
      vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
      return true
    end,
  })
end

-- Runs the program on the NestedVM, or as the program says; natively if target is 'evm'.
function M.run(target)
  local buffer = vim.api.nvim_get_current_buf()
  local params = {
    command = 'nvm.run',
    arguments = { vim.uri_from_bufnr(buffer), { target = target, markdown = true } },
  }
  vim.lsp.buf_request(buffer, 'workspace/executeCommand', params, function(problem, run)
    if problem then
      vim.notify(problem.message, vim.log.levels.ERROR)
      return
    end
    local first, rest = run.markdown:match('^(.-)\n\n(.*)$')
    local last = type(run.last) == 'table' and type(run.last.line) == 'number' and run.last.line
    local marks = { { line = last or nil, text = first } }
    local path = vim.uri_to_fname(vim.uri_from_bufnr(buffer))
    for _, probe in ipairs(run.probes) do
      if probe.file == path then
        local value = type(probe.value) == 'string' and '= ' .. probe.value or 'not reached'
        marks[#marks + 1] = { line = probe.line, text = value }
      end
    end
    mark(buffer, marks)
    show(rest)
    vim.notify(first)
  end)
end

return M

;;; easm-mode.el --- EVM assembly, with the language server nvm-lsp  -*- lexical-binding: t -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages

;;; Commentary:

;; Colours, comments and indentation of easm; eglot and lsp-mode learn where the server is;
;; \\[easm-run] runs the program and shows the result where the program ended.

;;; Code:

(require 'easm-words)

(declare-function eglot-current-server "eglot")
(declare-function eglot-managed-p "eglot")
(declare-function eglot--TextDocumentIdentifier "eglot")
(declare-function jsonrpc-request "jsonrpc")
(declare-function lsp--buffer-uri "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function lsp-request "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(defvar eglot-server-programs)
(defvar lsp-language-id-configuration)

(defgroup easm nil "EVM assembly." :group 'languages)

(defcustom easm-server '("nvm-lsp" "serve")
  "The command that starts the language server."
  :type '(repeat string))

(defvar easm-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\; "<" table)
    (modify-syntax-entry ?/ ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?. "_" table)
    (modify-syntax-entry ?% "_" table)
    (modify-syntax-entry ?@ "'" table)
    (modify-syntax-entry ?\" "\"" table)
    table)
  "Syntax of easm.")

(defun easm--words (words)
  "A regular expression for WORDS that stand alone."
  (concat "\\_<" (regexp-opt words t) "\\_>"))

(defvar easm-font-lock-keywords
  `(("#[@?=].*" 0 font-lock-preprocessor-face t)
    ("#[ \t]*\\(easm:[ \t]*ignore.*\\)" 1 font-lock-preprocessor-face t)
    ("^[ \t]*\\(\\.?[[:alpha:]_][[:alnum:]_.]*\\)[ \t]*:" 1 font-lock-constant-face)
    ("%def[ \t]+\\([[:alpha:]_][[:alnum:]_.]*\\)" 1 font-lock-variable-name-face)
    ("%macro[ \t]+\\([[:alpha:]_][[:alnum:]_.]*\\)" 1 font-lock-function-name-face)
    (,(easm--words easm-directives) . font-lock-preprocessor-face)
    ("^[ \t]*\\(%[[:alpha:]_][[:alnum:]_.]*\\)" 1 font-lock-function-name-face)
    (,(easm--words (append easm-control-mnemonics easm-push-mnemonics)) . font-lock-keyword-face)
    (,(easm--words easm-stack-mnemonics) . font-lock-type-face)
    (,(easm--words (append easm-opcode-mnemonics easm-call-mnemonics)) . font-lock-builtin-face)
    (,(concat (easm--words easm-functions) "[ \t]*(") 1 font-lock-builtin-face)
    (,(concat "[0-9][ \t]+" (easm--words easm-units)) 1 font-lock-type-face)
    ("\\_<[0-9][[:alnum:]_]*\\_>" . font-lock-constant-face))
  "Colours of easm.")

(defvar easm--margin
  (concat "[.[:alpha:]_][[:alnum:]_.]*[ \t]*:\\|" (easm--words (remove "%bytes" easm-directives)))
  "What begins at the margin: labels, directives.")

(defun easm-indent-line ()
  "Indent this line: labels and directives not at all, what emits by four.
Comments stay where they are."
  (interactive)
  (let ((column (save-excursion
                  (back-to-indentation)
                  (cond ((looking-at-p easm--margin) 0)
                        ((looking-at-p "#\\|;\\|//") (current-indentation))
                        (t 4)))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

(defvar easm-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'easm-run)
    map)
  "Keys of easm.")

;;;###autoload
(define-derived-mode easm-mode prog-mode "easm"
  "Major mode for EVM assembly.  \\[easm-run] runs the program."
  (setq-local comment-start "# "
              comment-start-skip "\\(?:#+\\|;+\\|//+\\)[ \t]*"
              indent-line-function #'easm-indent-line
              indent-tabs-mode nil
              tab-width 4
              font-lock-defaults '(easm-font-lock-keywords nil t)))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.easm\\'" . easm-mode))

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs (cons 'easm-mode easm-server)))

(with-eval-after-load 'lsp-mode
  (add-to-list 'lsp-language-id-configuration '(easm-mode . "easm"))
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection (lambda () easm-server))
                    :major-modes '(easm-mode)
                    :server-id 'nvm-lsp)))

;; Running ------------------------------------------------------------------------------------

(defun easm--get (json &rest keys)
  "What JSON, a plist of eglot or a table of lsp-mode, has under KEYS."
  (dolist (key keys json)
    (setq json (cond ((hash-table-p json) (gethash (symbol-name key) json))
                     ((consp json) (plist-get json (intern (format ":%s" key))))))))

(defun easm--execute (command arguments)
  "Have the server of this buffer execute COMMAND with ARGUMENTS, a vector."
  ;; The URI is spelt as it was when the document was opened.
  (cond ((and (featurep 'eglot) (eglot-managed-p))
         (let ((uri (plist-get (eglot--TextDocumentIdentifier) :uri)))
           (jsonrpc-request (eglot-current-server) :workspace/executeCommand
                            (list :command command :arguments (vconcat (list uri) arguments))
                            :timeout 60)))
        ((bound-and-true-p lsp-mode)
         (lsp-request "workspace/executeCommand"
                      (list :command command
                            :arguments (vconcat (list (lsp--buffer-uri)) arguments))))
        (t (user-error "No language server here: M-x eglot or M-x lsp"))))

(defun easm-clear (&rest _)
  "Remove what `easm-run' has shown at the lines."
  (interactive)
  (remove-overlays (point-min) (point-max) 'easm t)
  (remove-hook 'before-change-functions #'easm-clear t))

(defun easm--mark (line text)
  "Show TEXT behind LINE, which counts from one."
  (when (integerp line)
    (save-excursion
      (goto-char (point-min))
      (forward-line (1- line))
      (let ((overlay (make-overlay (line-end-position) (line-end-position))))
        (overlay-put overlay 'easm t)
        (overlay-put overlay 'after-string (propertize (concat "  " text) 'face 'shadow))))))

;;;###autoload
(defun easm-run (&optional native)
  "Run this program on the NestedVM, or as it says; with prefix NATIVE, natively.
The result and the probes stand at their lines until the next edit; gas,
storage and the memory snapshot are shown in another window."
  (interactive "P")
  (let* ((options (append '(:markdown t) (and native '(:target "evm"))))
         (run (easm--execute "nvm.run" (vector options)))
         (text (easm--get run 'markdown))
         (first (car (split-string text "\n"))))
    (easm-clear)
    (save-restriction
      (widen)
      (easm--mark (easm--get run 'last 'line) first)
      (mapc (lambda (probe)
              (when (equal (easm--get probe 'file) (expand-file-name buffer-file-name))
                (easm--mark (easm--get probe 'line)
                            (format "= %s" (or (easm--get probe 'value) "not reached")))))
            (easm--get run 'probes)))
    (add-hook 'before-change-functions #'easm-clear nil t)
    (with-current-buffer (get-buffer-create "*easm run*")
      (let ((inhibit-read-only t))
        (erase-buffer)
        (insert text "\n")
        (goto-char (point-min)))
      (special-mode)
      (setq truncate-lines t)
      (display-buffer (current-buffer)))
    (message "%s" first)))

(provide 'easm-mode)
;;; easm-mode.el ends here

;;; session.el --- a session of Emacs, without a screen, set up by the lines of `serve --help'  -*- lexical-binding: t -*-

;; Arguments come in the environment: SETUP (those lines), PROGRAM, RESULT (file to write).

(require 'cl-lib)
(require 'json)
;; Where eglot is a package of the distribution, not a part of Emacs.
(package-initialize)
(require 'eglot)
(require 'flymake)
;; Nor is the package that shows Markdown a part of Emacs.
(fmakunbound 'gfm-view-mode)

(setq eglot-sync-connect t
      eglot-autoshutdown t
      eglot-confirm-server-initiated-edits nil
      flymake-no-changes-timeout 0.05
      eglot-send-changes-idle-time 0.05
      make-backup-files nil
      auto-save-default nil)

(defvar session-result nil "What the session found, as an alist.")

(defun session-note (key value)
  "Remember VALUE under KEY."
  (push (cons key value) session-result))

(defun session-wait (what condition)
  "Wait until CONDITION, a function, holds; WHAT tells a person what for."
  (with-timeout (30 (error "Waiting for %s" what))
    (while (not (funcall condition)) (accept-process-output nil 0.02))))

(defun session-codes ()
  "The texts of what flymake shows."
  (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))

(defun session-goto (line text)
  "Go to TEXT in LINE, which counts from one."
  (goto-char (point-min))
  (forward-line (1- line))
  (search-forward text (line-end-position))
  (goto-char (match-beginning 0)))

(defun session-settle ()
  "Send what was edited and look again, as Emacs does when it is idle, which a batch never is."
  (eglot--signal-textDocument/didChange)
  (flymake-start))

(defun session-marks ()
  "What `easm-run' shows behind lines, as a vector."
  (vconcat (cl-loop for overlay in (overlays-in (point-min) (point-max))
                    when (overlay-get overlay 'easm)
                    collect (substring-no-properties (overlay-get overlay 'after-string)))))

(defun session-code-at (text)
  "Whether what flymake shows mentions TEXT."
  (cl-some (lambda (found) (string-match-p (regexp-quote text) found)) (session-codes)))

(defun session ()
  "What a person does with a program."
  (load (getenv "SETUP") nil t)
  (find-file (getenv "PROGRAM"))
  (session-note 'mode (symbol-name major-mode))
  ;; A hook that runs after commands connects; there are none here.
  (unless (eglot-current-server) (run-hooks 'post-command-hook))
  (session-wait "the server" #'eglot-current-server)
  (session-wait "flymake" (lambda () flymake-mode))
  (flymake-start)
  (session-wait "diagnostics" (lambda () (session-code-at "ADDD")))
  (session-note 'diagnostics (vconcat (session-codes)))

  (session-goto 5 "ADDD")
  ;; No mouse has asked for a menu; the person picks by the title.
  (cl-letf ((last-nonmenu-event t)
            ((symbol-function 'completing-read)
             (lambda (_ titles &rest _)
               (session-note 'actions (vconcat (mapcar #'car titles)))
               (car (assoc "Replace with ADD" titles)))))
    (call-interactively #'eglot-code-actions))
  (session-settle)
  (session-wait "the action" (lambda () (not (session-code-at "ADDD"))))

  (session-goto 5 "ADD")
  (let (shown)
    (run-hook-with-args
     'eldoc-documentation-functions
     (lambda (text &rest _) (when (and text (string-match-p "gas" text)) (setq shown text)) t))
    (session-wait "the hover" (lambda () shown))
    (session-note 'hover (substring-no-properties shown)))

  (session-goto 6 "done")
  (let ((found (xref-backend-definitions (xref-find-backend)
                                         (xref-backend-identifier-at-point (xref-find-backend)))))
    (session-note 'definition (xref-location-line (xref-item-location (car found)))))
  (let ((found (xref-backend-references (xref-find-backend)
                                        (xref-backend-identifier-at-point (xref-find-backend)))))
    (session-note 'references (length found)))

  (session-note 'outline (length (funcall imenu-create-index-function)))

  (eglot-rename "finish")
  (session-note 'renamed (buffer-substring-no-properties (point-min) (point-max)))
  (eglot-format-buffer)
  (session-note 'formatted (buffer-substring-no-properties (point-min) (point-max)))

  (goto-char (point-max))
  (insert "    KECC")
  (session-settle)
  (completion-at-point)
  (session-note 'completed (buffer-substring-no-properties (line-beginning-position) (point)))
  (delete-region (line-beginning-position) (point))
  (session-settle)

  (session-note 'outcome
    (plist-get (eglot-execute-command (eglot-current-server) 'nvm.run
                                      (vector (eglot--path-to-uri (buffer-file-name))))
               :outcome))
  (when (fboundp 'easm-run)
    (easm-run)
    (session-note 'marks (session-marks))
    (session-note 'report (with-current-buffer "*easm run*" (buffer-string)))
    (font-lock-ensure)
    (session-goto 3 "PUSH1")
    (session-note 'colour (symbol-name (get-text-property (point) 'face)))
    (insert " ")
    (session-note 'marks-left (session-marks)))
  (set-buffer-modified-p nil)
  (eglot-shutdown (eglot-current-server)))

(condition-case problem
    (session)
  (error (session-note 'failed (format "%S" problem))
    (session-note 'messages (with-current-buffer "*Messages*" (buffer-string)))
  ))
(with-temp-file (getenv "RESULT") (insert (json-encode session-result)))
(kill-emacs)

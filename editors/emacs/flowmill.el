;;; flowmill.el --- Write and repair Python functions, tested  -*- lexical-binding: t; -*-

;; Author: The flowmill authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages, tools, convenience
;; URL: https://pypi.org/project/flowmill/
;; SPDX-License-Identifier: MIT

;; This file is not part of GNU Emacs.

;;; Commentary:

;; flowmill writes and repairs Python functions in small drafts, each
;; one run against your project's own tests.  This file connects its
;; language server to Eglot or to lsp-mode and adds a few commands:
;;
;;   (require 'flowmill)
;;   (flowmill-eglot-setup)        ; or (flowmill-lsp-setup)
;;   (global-set-key (kbd "<f8>") #'flowmill-next)
;;
;; `flowmill-next' begins a run on the function at point, and once its
;; result is verified, accepts it: two keys from point to tested code.
;; While a run works, the mode line says how far it is.  Nothing in
;; your buffer changes before you accept; one undo takes it back.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'url-util)

(declare-function eglot-current-server "eglot" ())
(declare-function jsonrpc-async-request "jsonrpc")
(declare-function lsp-find-workspace "lsp-mode" (server-id &optional file-name))
(declare-function lsp-request-async "lsp-mode")
(declare-function lsp-register-client "lsp-mode" (client))
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp-register-custom-settings "lsp-mode" (props))
(declare-function lsp-activate-on "lsp-mode" (&rest languages))
(declare-function make-lsp-client "lsp-mode" (&rest args))
(defvar eglot-server-programs)
(defvar lsp--cur-workspace)
(defvar lsp--buffer-workspaces)
(defvar lsp-language-id-configuration)

(defgroup flowmill nil
  "Write and repair Python functions, tested by the project's tests."
  :group 'tools
  :prefix "flowmill-")

(defcustom flowmill-command '("flowmill" "server")
  "The command that starts the language server."
  :type '(repeat string))

(defcustom flowmill-settings nil
  "Settings of the server, a plist such as (:model \"gpt-4.1\" :maxSeconds 60).
They are those of `flowmill generate', in camelCase, and hold for
every project."
  :type 'plist)

(defcustom flowmill-trust-workspace 'ask-flowmill
  "Whether a project's own settings may set the endpoint or the sandbox.
The default leaves it to what `flowmill doctor --trust' was told."
  :type '(choice (const :tag "As flowmill was told" ask-flowmill)
                 (const :tag "Always" t)
                 (const :tag "Never" nil)))

(defface flowmill-passed '((t :inherit success)) "A verified result.")
(defface flowmill-working '((t :inherit mode-line-emphasis)) "A run at work.")
(defface flowmill-failed '((t :inherit warning)) "A result that is not verified.")

(defvar flowmill-state-hook nil
  "Functions called with a run when its state became another one.")

;;;; Runs

(cl-defstruct flowmill-run
  "A run as its events tell it.
STATE is working, ready, done, cancelled, accepted or discarded.
DRAFTS is an alist from number to plist; 0 is the code as it stands."
  id (state 'working) name file buffer marker (since (float-time))
  drafts streaming best stage (tests 0) finished)

(defvar flowmill--runs nil
  "All runs, the newest first.")

(defconst flowmill--kept 64
  "How many runs are remembered.")

(defun flowmill--find-run (id)
  "The run with this ID, or nil."
  (cl-find id flowmill--runs :key #'flowmill-run-id :test #'equal))

(defun flowmill--run (id)
  "The run with this ID, made if it is new."
  (or (flowmill--find-run id)
      (let ((run (make-flowmill-run :id id)))
        (setq flowmill--runs (seq-take (cons run flowmill--runs) flowmill--kept))
        run)))

(defun flowmill--draft (run number)
  "The draft of RUN with this NUMBER, made if it is new."
  (or (alist-get number (flowmill-run-drafts run))
      (setf (alist-get number (flowmill-run-drafts run))
            (list :number number :code nil :diff nil :passed nil :failed nil :tests nil))))

(defun flowmill--set-state (run state)
  "RUN is in STATE now."
  (unless (eq (flowmill-run-state run) state)
    (setf (flowmill-run-state run) state)
    (run-hook-with-args 'flowmill-state-hook run)))

(defun flowmill--place (run target)
  "Remember where the function is that RUN is about: TARGET."
  (let* ((file (plist-get target :file))
         (buffer (find-buffer-visiting file)))
    (setf (flowmill-run-file run) file
          (flowmill-run-name run) (car (last (split-string (plist-get target :qualname) "[.]")))
          (flowmill-run-buffer run) buffer)
    (when buffer
      (with-current-buffer buffer
        (save-excursion
          (save-restriction
            (widen)
            (goto-char (point-min))
            (forward-line (1- (plist-get target :start)))
            (setf (flowmill-run-marker run) (point-marker))))))))

(defun flowmill--take (event)
  "Take in EVENT, a plist from the server."
  (let ((run (flowmill--run (plist-get event :run)))
        (number (plist-get event :draft)))
    (pcase (plist-get event :type)
      ("run.started" (flowmill--place run (plist-get event :target)))
      ("tests.selected" (setf (flowmill-run-tests run) (length (plist-get event :tests))))
      ("stage" (setf (flowmill-run-stage run)
                     (and (equal (plist-get event :state) "started") (plist-get event :name))))
      ("draft.delta" (setf (flowmill-run-streaming run) number)
       (flowmill--draft run number))
      ("draft" (let ((draft (flowmill--draft run number)))
                 (plist-put draft :code (plist-get event :code))
                 (plist-put draft :diff (plist-get event :diff))
                 (setf (flowmill-run-streaming run) nil)))
      ("test" (let ((draft (flowmill--draft run number)))
                (plist-put draft :tests
                           (cons (cons (plist-get event :id) event)
                                 (assoc-delete-all (plist-get event :id)
                                                   (plist-get draft :tests))))))
      ("draft.scored" (let ((draft (flowmill--draft run number)))
                        (plist-put draft :passed (plist-get event :passed))
                        (plist-put draft :failed (plist-get event :failed))
                        (when (eq (plist-get event :best) t)
                          (setf (flowmill-run-best run) number))))
      ("run.finished" (flowmill--finish run event)))
    (flowmill--update-mode-line)))

(defun flowmill--finish (run event)
  "RUN ended with EVENT."
  (setf (flowmill-run-finished run) event
        (flowmill-run-streaming run) nil)
  (when (integerp (plist-get event :best))
    (setf (flowmill-run-best run) (plist-get event :best)))
  (let ((status (plist-get event :status)))
    (flowmill--set-state run (pcase status
                               ((or "verified" "improved") 'ready)
                               ("cancelled" 'cancelled)
                               (_ 'done)))
    (message "%s" (flowmill--ending run status))))

(defun flowmill--ending (run status)
  "What is said when RUN ended with STATUS."
  (let ((name (flowmill-run-name run))
        (score (flowmill--score run (flowmill--shown run))))
    (pcase status
      ("verified" (format "flow: %s is verified: %s; M-x flowmill-accept takes it" name score))
      ("cancelled" (format "flow: %s: cancelled" name))
      ("improved" (format "flow: %s is not verified: %s; M-x flowmill-show-diff" name score))
      ("unchanged" (format "flow: %s: nothing was changed (%s)" name score))
      (_ (format "flow: %s is not solved: at best %s; M-x flowmill-log" name score)))))

;;;; Mode line

(defun flowmill--shown (run)
  "The draft of RUN that counts now."
  (let ((drafts (flowmill-run-drafts run)))
    (alist-get (if (flowmill-run-finished run)
                   (or (flowmill-run-best run) 0)
                 (apply #'max 0 (mapcar #'car drafts)))
               drafts)))

(defun flowmill--score (run draft)
  "The score of DRAFT in RUN, such as 7 of 9, in words."
  (let* ((tests (plist-get draft :tests))
         (passed (or (plist-get draft :passed)
                     (cl-count "passed" tests :test #'equal
                               :key (lambda (test) (plist-get (cdr test) :outcome)))))
         (failed (plist-get draft :failed))
         (total (if failed (+ passed failed) (max (length tests) (flowmill-run-tests run)))))
    (format "%d/%d tests" passed total)))

(defun flowmill-describe (run)
  "One line about RUN: its draft, its score, its seconds."
  (let ((draft (flowmill--shown run)))
    (string-join
     (delq nil
           (list (and draft (> (plist-get draft :number) 0)
                      (not (flowmill-run-finished run))
                      (format "draft %d" (plist-get draft :number)))
                 (and (plist-get draft :tests) (flowmill--score run draft))
                 (if (flowmill-run-finished run)
                     (plist-get (flowmill-run-finished run) :status)
                   (format "%d s" (- (float-time) (flowmill-run-since run))))
                 (cond ((flowmill-run-streaming run) "model writing")
                       ((flowmill-run-finished run) nil)
                       (t (or (flowmill-run-stage run) "starting")))))
     ", ")))

(defun flowmill--current (&rest states)
  "The newest run of this buffer in one of STATES."
  (cl-find-if (lambda (run)
                (and (memq (flowmill-run-state run) states)
                     (eq (flowmill-run-buffer run) (current-buffer))))
              flowmill--runs))

(defun flowmill-mode-line ()
  "The mode line about the run of this buffer."
  (when-let ((run (or (flowmill--current 'working) (flowmill--current 'ready))))
    (let ((status (plist-get (flowmill-run-finished run) :status)))
      (propertize (format " flow:%s[%s]" (flowmill-run-name run)
                          (string-replace "%" "%%" (flowmill-describe run)))
                  'face (cond ((null status) 'flowmill-working)
                              ((equal status "verified") 'flowmill-passed)
                              (t 'flowmill-failed))))))

(defvar flowmill--timer nil
  "Runs while a new mode line is due.")

(defun flowmill--update-mode-line ()
  "Have the mode line drawn anew, at most ten times a second."
  (unless (timerp flowmill--timer)
    (setq flowmill--timer
          (run-with-timer 0.1 nil (lambda ()
                                    (setq flowmill--timer nil)
                                    (force-mode-line-update t))))))

(defconst flowmill--mode-line '(:eval (flowmill-mode-line))
  "The piece of the mode line.")

;;;; The server

(defun flowmill--options ()
  "The initialization options of the server."
  `(:flow (:events t :messages :json-false
           ,@(unless (eq flowmill-trust-workspace 'ask-flowmill)
               (list :trusted (or flowmill-trust-workspace :json-false))))
    ,@flowmill-settings))

(defun flowmill--show-progress ()
  "Have progress shown in the mode line."
  (unless (member flowmill--mode-line mode-line-misc-info)
    (setq-default mode-line-misc-info
                  (append (default-value 'mode-line-misc-info) (list flowmill--mode-line)))))

;;;###autoload
(defun flowmill-eglot-setup ()
  "Have Eglot start flowmill in Python buffers.
Eglot talks to one server per buffer: flowmill takes the place of
another Python server.  With lsp-mode it runs beside that."
  (interactive)
  (flowmill--show-progress)
  (with-eval-after-load 'eglot
    (cl-defmethod eglot-handle-notification (_server (_method (eql 'flow/event)) &rest event)
      (flowmill--take event))
    (add-to-list 'eglot-server-programs
                 `((python-mode python-ts-mode)
                   . (,@flowmill-command :initializationOptions ,(flowmill--options))))))

;;;###autoload
(defun flowmill-lsp-setup ()
  "Have lsp-mode start flowmill in Python buffers, beside other servers."
  (interactive)
  (flowmill--show-progress)
  (with-eval-after-load 'lsp-mode
    (let ((handlers (make-hash-table :test 'equal)))
      (puthash "flow/event" (lambda (_workspace event) (flowmill--take (flowmill--plist event)))
               handlers)
      (lsp-register-client
       (make-lsp-client :new-connection (lsp-stdio-connection (lambda () flowmill-command))
                        :activation-fn (lsp-activate-on "python")
                        :server-id 'flowmill
                        :add-on? t
                        :priority -2
                        :multi-root t
                        :notification-handlers handlers
                        :initialization-options #'flowmill--options)))))

(defun flowmill--plist (value)
  "VALUE with its hash tables as plists, as Eglot has them."
  (cond ((hash-table-p value)
         (let (plist)
           (maphash (lambda (key item)
                      (setq plist (nconc (list (intern (concat ":" key)) (flowmill--plist item))
                                         plist)))
                    value)
           plist))
        ((vectorp value) (vconcat (mapcar #'flowmill--plist value)))
        ((and (consp value) (not (keywordp (car value)))) (mapcar #'flowmill--plist value))
        (t value)))

(defun flowmill--uri ()
  "The address of this buffer's file."
  (unless buffer-file-name
    (user-error "Flow works on files: save the buffer first"))
  (concat "file://" (url-hexify-string (file-truename buffer-file-name) url-path-allowed-chars)))

(defun flowmill--request (method params then)
  "Ask the server METHOD with PARAMS, without waiting.
THEN is called in this buffer with the answer, a plist.  What goes
wrong is said in the server's words."
  (let* ((buffer (current-buffer))
         (answered (lambda (answer)
                     (when (buffer-live-p buffer)
                       (with-current-buffer buffer
                         (funcall then (flowmill--plist answer))))))
         (failed (lambda (problem)
                   (message "flow: %s" (or (plist-get (flowmill--plist problem) :message)
                                           "the server did not say why")))))
    (cond
     ((bound-and-true-p eglot--managed-mode)
      (jsonrpc-async-request (eglot-current-server) (intern (concat ":" method)) params
                             :success-fn answered :error-fn failed :timeout nil
                             :deferred (intern (format "flowmill-%s" (random)))))
     ((and (bound-and-true-p lsp-mode) (lsp-find-workspace 'flowmill buffer-file-name))
      (let ((lsp--buffer-workspaces (list (lsp-find-workspace 'flowmill buffer-file-name))))
        (lsp-request-async method params answered :error-handler failed :mode 'detached)))
     (t (user-error "Flow's server is not running here: try M-x eglot or M-x lsp")))))

(defun flowmill--execute (command argument &optional then)
  "Run COMMAND of the server with ARGUMENT; THEN is called with the answer."
  (flowmill--request "workspace/executeCommand"
                     (list :command command :arguments (vector argument))
                     (or then #'ignore)))

;;;; Runs begin and end

(defun flowmill--position ()
  "Where point is, as the server has it."
  (list :line (1- (line-number-at-pos nil t)) :character 0))

(defun flowmill--begin (mode)
  "Start a run in MODE on the function at point."
  (flowmill--request
   "flow/run"
   (list :mode mode :uri (flowmill--uri) :position (flowmill--position))
   (lambda (end)
     (let ((run (flowmill--find-run (plist-get end :run))))
       (when run
         (flowmill--settle run)))))
  (message "flow: started"))

;;;###autoload
(defun flowmill-generate ()
  "Write the function at point."
  (interactive)
  (flowmill--begin "generate"))

;;;###autoload
(defun flowmill-repair ()
  "Mend the function at point."
  (interactive)
  (flowmill--begin "repair"))

(defvar-local flowmill--of nil
  "In a buffer that shows a run, the buffer with its function.")

(defun flowmill--home ()
  "The buffer with the function that is meant here."
  (or flowmill--of (current-buffer)))

(defun flowmill--need (what &rest states)
  "The newest run of this buffer in one of STATES; without one, say that WHAT."
  (or (apply #'flowmill--current states) (user-error "Flow: %s" what)))

(defun flowmill-cancel ()
  "Stop the run that works on this buffer."
  (interactive)
  (with-current-buffer (flowmill--home)
    (let ((run (flowmill--need "nothing is running" 'working)))
      (flowmill--execute "flow.cancel" (list :run (flowmill-run-id run))))))

(defun flowmill-discard ()
  "Drop the result that waits; the next run is told of it."
  (interactive)
  (with-current-buffer (flowmill--home)
    (let ((run (flowmill--need "no result waits" 'ready)))
      (flowmill--execute "flow.discard" (list :run (flowmill-run-id run))
                         (lambda (_)
                           (flowmill--set-state run 'discarded)
                           (flowmill--update-mode-line)
                           (message "flow: %s: discarded" (flowmill-run-name run)))))))

;;;; Accept

(defun flowmill--actions (position then)
  "Ask for the server's menu at POSITION; call THEN with a list of actions."
  (flowmill--request
   "textDocument/codeAction"
   (list :textDocument (list :uri (flowmill--uri))
         :range (list :start position :end position)
         :context (list :diagnostics []))
   (lambda (answer) (funcall then (append answer nil)))))

(defun flowmill--offered (actions title)
  "The one of ACTIONS whose title begins with TITLE."
  (cl-find-if (lambda (action) (string-prefix-p title (plist-get action :title))) actions))

(defun flowmill--edits (edit)
  "The text edits of the workspace EDIT, which is about one file."
  (let ((documents (plist-get edit :documentChanges)))
    (append (if documents
                (plist-get (elt documents 0) :edits)
              (cadr (plist-get edit :changes)))
            nil)))

(defun flowmill--point-at (position)
  "Where POSITION of the server is; its edits begin and end with whole lines."
  (goto-char (point-min))
  (forward-line (plist-get position :line))
  (if (eql 0 (plist-get position :character)) (point) (line-end-position)))

(defun flowmill--apply (edits)
  "Make EDITS in this buffer as one undo step."
  (barf-if-buffer-read-only)
  (undo-boundary)
  (let ((group (prepare-change-group)))
    (atomic-change-group
      (save-excursion
        (save-restriction
          (widen)
          (dolist (edit (sort (copy-sequence edits)
                              (lambda (one other)
                                (> (plist-get (plist-get (plist-get one :range) :start) :line)
                                   (plist-get (plist-get (plist-get other :range) :start) :line)))))
            (let* ((range (plist-get edit :range))
                   (start (flowmill--point-at (plist-get range :start)))
                   (end (flowmill--point-at (plist-get range :end))))
              (goto-char start)
              (delete-region start end)
              (insert (plist-get edit :newText)))))))
    (undo-amalgamate-change-group group))
  (undo-boundary))

(defun flowmill--settle (run)
  "Ask the server for the state of RUN, which no event has."
  (flowmill--request
   "workspace/executeCommand" (list :command "flow.runs" :arguments [])
   (lambda (answer)
     (let ((told (cl-find (flowmill-run-id run) (append answer nil)
                          :key (lambda (it) (plist-get it :run)) :test #'equal)))
       (when told
         (flowmill--set-state run (intern (plist-get told :state)))
         (when (stringp (plist-get told :problem))
           (message "flow: %s: %s" (flowmill-run-name run) (plist-get told :problem)))
         (flowmill--update-mode-line))))))

(defun flowmill--ask-to-accept (run)
  "Have the server make the edit of RUN, or say why it cannot be made."
  (let ((buffer (current-buffer)))
    (flowmill--execute
     "flow.accept" (list :run (flowmill-run-id run))
     (lambda (_)
       (run-with-timer 1 nil (lambda ()
                               (when (buffer-live-p buffer)
                                 (with-current-buffer buffer
                                   (flowmill--settle run)))))))))

(defun flowmill--take-result (action tick)
  "Make the edit of ACTION unless the buffer changed since TICK."
  (let ((run (flowmill--current 'ready)))
    (if (/= tick (buffer-chars-modified-tick))
        (message "flow: the buffer changed meanwhile: try again")
      (flowmill--apply (flowmill--edits (plist-get action :edit)))
      (when run
        (flowmill--set-state run 'accepted))
      (flowmill--update-mode-line)
      (message "flow: accepted"))))

(defun flowmill-accept ()
  "Take the result that waits in this buffer.  One undo takes it back."
  (interactive)
  (with-current-buffer (flowmill--home)
    (let* ((run (flowmill--current 'ready))
           (marker (and run (flowmill-run-marker run)))
           (tick (buffer-chars-modified-tick))
           (position (save-excursion
                       (when marker (goto-char marker))
                       (flowmill--position))))
      (flowmill--actions
       position
       (lambda (actions)
         (let ((action (flowmill--offered actions "Flow: accept")))
           (cond ((plist-get action :edit) (flowmill--take-result action tick))
                 (run (flowmill--ask-to-accept run))
                 (t (message "flow: no result waits to be accepted")))))))))

;;;###autoload
(defun flowmill-next ()
  "The next step at point: begin, look at what is not verified, or accept.
A function whose tests fail is repaired, a missing body generated,
and a verified result accepted."
  (interactive)
  (with-current-buffer (flowmill--home)
    (let ((tick (buffer-chars-modified-tick)))
      (flowmill--actions
       (flowmill--position)
       (lambda (actions)
         (let ((accept (flowmill--offered actions "Flow: accept"))
               (repair (flowmill--offered actions "Repair with flow")))
           (cond ((and (plist-get accept :edit) (eq (plist-get accept :isPreferred) t))
                  (flowmill--take-result accept tick))
                 ((flowmill--offered actions "Flow: show diff") (flowmill-show-diff))
                 ((flowmill--offered actions "Flow: cancel") (message "flow: still working"))
                 ((equal (plist-get repair :kind) "quickfix.flow") (flowmill-repair))
                 ((flowmill--offered actions "Generate with flow") (flowmill-generate))
                 (repair (flowmill-repair))
                 (t (message "flow: put point into a function")))))))))

;;;; What a run shows

(defun flowmill--diff (run)
  "The diff of RUN: its result, else that of its best or newest draft."
  (let ((finished (flowmill-run-finished run))
        (best (alist-get (flowmill-run-best run) (flowmill-run-drafts run))))
    (or (and finished (plist-get finished :diff))
        (plist-get (or best (flowmill--shown run)) :diff)
        "")))

(defun flowmill--root (run diff)
  "The folder to which the file names in the DIFF of RUN are relative."
  (let ((name (and (string-match "^[+]\\{3\\} b/\\(.*\\)$" diff) (match-string 1 diff)))
        (file (flowmill-run-file run)))
    (if (and name (string-suffix-p name file))
        (substring file 0 (- (length name)))
      (file-name-directory file))))

(defvar flowmill-diff-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'flowmill-accept)
    (define-key map (kbd "C-c C-k") #'flowmill-discard)
    map)
  "Keys beside those of `diff-mode', which can take one hunk.")

(define-minor-mode flowmill-diff-mode
  "Accept or discard the result whose diff this is."
  :lighter " flow")

(defun flowmill-show-diff (&optional ediff)
  "Show the result as a diff, or with a prefix argument (EDIFF) side by side.
In the diff \\<diff-mode-map>\\[diff-apply-hunk] takes one hunk,
\\<flowmill-diff-mode-map>\\[flowmill-accept] all of it."
  (interactive "P")
  (with-current-buffer (flowmill--home)
    (let* ((home (current-buffer))
           (run (flowmill--need "there is no draft yet" 'ready 'working 'done))
           (diff (flowmill--diff run)))
      (when (string-empty-p diff)
        (user-error "Flow: there is no draft yet"))
      (if ediff
          (flowmill--ediff run)
        (with-current-buffer (get-buffer-create (format "*flow diff: %s*" (flowmill-run-name run)))
          (let ((inhibit-read-only t))
            (erase-buffer)
            (insert diff))
          (setq default-directory (flowmill--root run diff))
          (diff-mode)
          (flowmill-diff-mode)
          (setq flowmill--of home
                buffer-read-only t)
          (goto-char (point-min))
          (display-buffer (current-buffer)))))))

(defun flowmill--ediff (run)
  "Compare this buffer with the result of RUN, side by side."
  (let ((home (current-buffer))
        (name (format "*flow result: %s*" (flowmill-run-name run))))
    (flowmill--actions
     (save-excursion
       (goto-char (flowmill-run-marker run))
       (flowmill--position))
     (lambda (actions)
       (let ((edit (plist-get (flowmill--offered actions "Flow: accept") :edit)))
         (unless edit
           (user-error "Flow: no result waits to be accepted"))
         (with-current-buffer (get-buffer-create name)
           (let ((inhibit-read-only t))
             (erase-buffer)
             (insert-buffer-substring home)
             (flowmill--apply (flowmill--edits edit)))
           (delay-mode-hooks (python-mode))
           (set-buffer-modified-p nil))
         (ediff-buffers home (get-buffer name)))))))

(defun flowmill-log ()
  "Show the newest run of this buffer as a story, draft by draft."
  (interactive)
  (with-current-buffer (flowmill--home)
    (let ((run (flowmill--need "there was no run yet" 'working 'ready 'done 'cancelled
                               'accepted 'discarded))
          (home (current-buffer)))
      (flowmill--request
       "workspace/textDocumentContent"
       (list :uri (format "flow:/run/%s/log.md" (flowmill-run-id run)))
       (lambda (answer)
         (with-current-buffer (get-buffer-create (format "*flow log: %s*" (flowmill-run-name run)))
           (let ((inhibit-read-only t))
             (erase-buffer)
             (insert (plist-get answer :text)))
           (when (fboundp 'gfm-view-mode)
             (delay-mode-hooks (funcall 'gfm-view-mode)))
           (setq flowmill--of home
                 buffer-read-only t)
           (goto-char (point-min))
           (display-buffer (current-buffer))))))))

(provide 'flowmill)
;;; flowmill.el ends here

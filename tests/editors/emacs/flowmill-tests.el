;;; flowmill-tests.el --- What needs no server  -*- lexical-binding: t; -*-

;;; Code:

(require 'ert)
(require 'flowmill)

(defun flowmill-tests--tell (&rest events)
  "Take EVENTS in, of one run; it is returned."
  (dolist (event events)
    (flowmill--take (append '(:run "r1") event)))
  (flowmill--find-run "r1"))

(defmacro flowmill-tests--fresh (&rest body)
  "Evaluate BODY without runs."
  `(let ((flowmill--runs nil) (inhibit-message t)) ,@body))

(ert-deftest flowmill-tests-a-run ()
  (flowmill-tests--fresh
   (let* ((states nil)
          (flowmill-state-hook (list (lambda (run) (push (flowmill-run-state run) states))))
          (run (flowmill-tests--tell
                '(:type "run.started" :target (:file "/none/calc.py" :qualname "Box.add" :start 3 :end 5))
                '(:type "tests.selected" :tests [(:id "a") (:id "b")])
                '(:type "draft.delta" :draft 1 :text "def"))))
     (should (equal (flowmill-run-name run) "add"))
     (should (string-match-p "\\`draft 1, 0 s, model writing\\'" (flowmill-describe run)))
     (flowmill-tests--tell
      '(:type "draft" :draft 1 :code "def add" :diff "+++ b/calc.py\n")
      '(:type "test" :draft 1 :id "a" :outcome "passed")
      '(:type "test" :draft 1 :id "a" :outcome "passed"))
     (should (string-match-p "\\`draft 1, 1/2 tests" (flowmill-describe run)))
     (should (equal (flowmill--root run (flowmill--diff run)) "/none/"))
     (flowmill-tests--tell
      '(:type "draft.scored" :draft 1 :passed 2 :failed 0 :best t)
      '(:type "run.finished" :status "verified" :best 1 :diff "--- a\n"))
     (should (equal (flowmill-describe run) "2/2 tests, verified"))
     (should (equal (flowmill--diff run) "--- a\n"))
     (should (equal states '(ready))))))

(ert-deftest flowmill-tests-edits-are-one-step ()
  (with-temp-buffer
    (buffer-enable-undo)
    (insert "one\ntwo\nthree")
    (undo-boundary)
    (flowmill--apply
     '((:range (:start (:line 0 :character 0) :end (:line 1 :character 0)) :newText "1\n")
       (:range (:start (:line 2 :character 0) :end (:line 2 :character 5)) :newText "3\n4")))
    (should (equal (buffer-string) "1\ntwo\n3\n4"))
    (setq last-command 'ignore)
    (undo)
    (should (equal (buffer-string) "one\ntwo\nthree"))))

(ert-deftest flowmill-tests-edits-of-both-forms ()
  (let ((edit '(:newText "x")))
    (should (equal (flowmill--edits `(:changes (:file:///a [,edit]))) (list edit)))
    (should (equal (flowmill--edits `(:documentChanges [(:textDocument nil :edits [,edit])]))
                   (list edit)))))

(ert-deftest flowmill-tests-tables-of-lsp-mode ()
  (let ((table (make-hash-table :test 'equal)))
    (puthash "run" "r1" table)
    (puthash "tests" (vector (copy-hash-table table)) table)
    (should (equal (plist-get (flowmill--plist table) :run) "r1"))
    (should (equal (plist-get (car (flowmill--plist (list table))) :run) "r1"))
    (should (equal (plist-get (aref (plist-get (flowmill--plist table) :tests) 0) :run) "r1"))))

(provide 'flowmill-tests)
;;; flowmill-tests.el ends here

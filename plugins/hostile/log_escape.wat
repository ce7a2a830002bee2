;; Logs what steers a terminal, forges a line of the log, turns text round and hides in it, then answers. Allowed: the lines are kept, harmless.
(component
  (import "stadtbus:plugin/log@1.0.0" (instance $log
    (type $level (enum "debug" "info" "warn" "error"))
    (export "level" (type $e (eq $level)))
    (export "write" (func (param "level" $e) (param "message" string)))))
  (core module $mem
    (memory (export "memory") 1))
  (core instance $mi (instantiate $mem))
  (core func $write (canon lower (func $log "write") (memory (core memory $mi "memory"))))
  (core module $m
    (import "host" "write" (func $write (param i32 i32 i32)))
    (import "mem" "memory" (memory 1))
    (data (i32.const 2048) "{\22drop\22:{\22code\22:\22done\22,\22text\22:\22nothing to do\22}}")
    ;; Clear the screen; the title of the window; the clipboard; a link; erase by backspace and carriage return.
    (data (i32.const 3072) "\1b[2J\1b]0;title\07\1b]52;c;c2VjcmV0\07\1b]8;;http://x/\1b\\text\08\08\0d\00\7f")
    ;; A line of its own; C1 control characters; both line separators; directions, hidden characters, byte order mark.
    (data (i32.const 3200) "x\0a2026-01-31T12:00:00Z ERROR forged\c2\9b31m\c2\85\e2\80\a8\e2\80\a9\e2\80\ae\e2\81\a6\e2\80\8b\ef\bb\bf")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "run") (param $at i32) (param $bytes i32) (result i32)
      (call $write (i32.const 1) (i32.const 3072) (i32.const 55))
      (call $write (i32.const 3) (i32.const 3200) (i32.const 60))
      (i32.store (i32.const 1024) (i32.const 2048))
      (i32.store (i32.const 1028) (i32.const 47))
      (i32.const 1024)
    )
  )
  (core instance $i (instantiate $m
    (with "host" (instance (export "write" (func $write))))
    (with "mem" (instance $mi))))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $mi "memory")) (realloc (core func $i "realloc"))))
)

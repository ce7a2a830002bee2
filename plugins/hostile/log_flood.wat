;; Logs a thousand lines with terminal escapes, then answers. Allowed: 64 lines are kept, without the escapes.
(component
  (import "stadtbus:plugin/log@1.0.0" (instance $log
    (type $level (enum "debug" "info" "warn" "error"))
    (export "level" (type $e (eq $level)))
    (export "write" (func (param "level" $e) (param "message" string)))))
  (core module $mem
    (memory (export "memory") 241))
  (core instance $mi (instantiate $mem))
  (core func $write (canon lower (func $log "write") (memory (core memory $mi "memory"))))
  (core module $m
    (import "host" "write" (func $write (param i32 i32 i32)))
    (import "mem" "memory" (memory 241))
    (data (i32.const 2048) "{\22drop\22:{\22code\22:\22done\22,\22text\22:\22nothing to do\22}}")
    (data (i32.const 3072) "\1b[31mred\0dline\e2\80\aereversed\07")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "run") (param $at i32) (param $bytes i32) (result i32)
      (local $n i32)
      (loop $again
        (call $write (i32.const 1) (i32.const 3072) (i32.const 23))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
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

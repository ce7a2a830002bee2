;; Logs one line of 15 MiB.
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
    (data (i32.const 3072) "\1b[31mred\0dline\e2\80\aereversed\07")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "run") (param $at i32) (param $bytes i32) (result i32)
      (local $n i32)
      (call $write (i32.const 1) (i32.const 0) (i32.const 15000000))
      (i32.const 0)
    )
  )
  (core instance $i (instantiate $m
    (with "host" (instance (export "write" (func $write))))
    (with "mem" (instance $mi))))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $mi "memory")) (realloc (core func $i "realloc"))))
)

;; Calls itself through a table without end.
(component
  (core module $m
    (type $t (func (param i32 i32) (result i32)))
    (table 1 funcref)
    (elem (i32.const 0) $run)
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (call_indirect (type $t) (local.get $at) (local.get $bytes) (i32.const 0))
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)

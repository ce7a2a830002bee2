;; Has its input placed over the answer it keeps ready: what goes out is what came in, which is no answer.
(component
  (core module $m
    (data (i32.const 2048) "{\22drop\22:{\22code\22:\22done\22,\22text\22:\22nothing to do\22}}")
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (i32.store (i32.const 1024) (local.get $at))
      (i32.store (i32.const 1028) (local.get $bytes))
      (i32.const 1024)
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)

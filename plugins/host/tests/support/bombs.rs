//! Components that are too large to keep: bombs of shape, and one for the compiler.

use std::fmt::Write as _;

/// A component that is refused when it is deployed.
pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    /// What there is too much of, as the refusal says it.
    pub(crate) what: &'static str,
    pub(crate) component: Vec<u8>,
}

fn bomb(name: &'static str, what: &'static str, text: &str) -> Bomb {
    let component = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {:.300}", error.to_string()));
    Bomb {
        name,
        code: "SB-4006",
        what,
        component,
    }
}

fn in_module(items: &str) -> String {
    format!("(component (core module {items}))")
}

/// One more than each limit of shape allows.
pub(crate) fn beyond_each_limit() -> Vec<Bomb> {
    let nested = (0..12).fold(String::new(), |inner, _| format!("(component {inner})"));
    let types: String = (0..10_001)
        .map(|n| format!("(type (func (param {})))", "i32 ".repeat(n % 90)))
        .collect();
    let instances = "(core instance (instantiate $m))".repeat(65);
    vec![
        bomb(
            "30,001 functions",
            "functions",
            &in_module(&"(func)".repeat(30_001)),
        ),
        bomb(
            "1,001 globals",
            "globals",
            &in_module(&"(global i32 (i32.const 0))".repeat(1_001)),
        ),
        bomb("10,001 types", "types", &in_module(&types)),
        bomb("2,001 exports", "exports", &exports(2_001)),
        bomb(
            "17 core modules",
            "core modules",
            &format!("(component {})", "(core module)".repeat(17)),
        ),
        bomb(
            "65 instances",
            "instances",
            &format!("(component (core module $m) {instances})"),
        ),
        bomb(
            "20,001 segments",
            "segments",
            &in_module(&"(data \"x\")".repeat(20_001)),
        ),
        bomb("9 tables", "tables", &in_module(&"(table 1 funcref)".repeat(9))),
        bomb(
            "function of 1.1 MB",
            "bytes in one function",
            &in_module(&format!("(func {})", "(nop)".repeat(1_100_000))),
        ),
        bomb("12 components in one another", "", &nested),
    ]
}

/// Far beyond.
pub(crate) fn far_beyond() -> Vec<Bomb> {
    let mut bombs = vec![
        bomb(
            "10,000 memories",
            "memories",
            &in_module(&"(memory 0)".repeat(10_000)),
        ),
        bomb(
            "100,000 globals",
            "globals",
            &in_module(&"(global i32 (i32.const 0))".repeat(100_000)),
        ),
        bomb("100,000 exports", "exports", &exports(100_000)),
        bomb(
            "100,000 types",
            "types",
            &in_module(&"(type (func))".repeat(100_000)),
        ),
    ];
    bombs.push(Bomb {
        name: "128 MiB of nothing",
        code: "SB-4004",
        what: "bytes",
        component: vec![0; 128 << 20],
    });
    bombs
}

fn exports(count: usize) -> String {
    let listed = (0..count).map(|n| format!("(export \"{n}\" (func $f))"));
    in_module(&format!("(func $f){}", listed.collect::<String>()))
}

/// Functions of hundreds of kilobytes whose values all stay alive: within every limit of shape, and more work for
/// the register allocator than the compiling process may do.
pub(crate) fn for_the_compiler() -> Bomb {
    let mut text = String::from("(component (core module $m (memory (export \"memory\") 1)");
    for function in 0..10 {
        write!(
            text,
            "(func (export \"f{function}\") (param i32) (result i32) (local i32 i32 i32 i32)"
        )
        .unwrap();
        text.push_str(&"(local.set 1 (i32.add (local.get 0) (i32.mul (local.get 2) (i32.load (local.get 3)))))(local.set 2 (i32.xor (local.get 1) (local.get 4)))(if (local.get 1) (then (local.set 3 (local.get 2))) (else (local.set 4 (local.get 1))))".repeat(20_000));
        text.push_str("(local.get 1))");
    }
    text.push_str(
        "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))\
         (func (export \"run\") (param i32 i32) (result i32) (i32.const 0)))\
         (core instance $i (instantiate $m))\
         (func (export \"run\") (param \"input\" (list u8)) (result (list u8))\
         (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")) (realloc (core func $i \"realloc\")))))",
    );
    Bomb {
        code: "SB-4005",
        ..bomb("ten functions of 20,000 statements", "", &text)
    }
}

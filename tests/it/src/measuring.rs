//! `stadtbus plugin bench` and `check`: what a plugin costs, beside what it may cost.

use serde_json::{Value, json};

use crate::supply::stadtbus;
use crate::watching::new_plugin;

fn positive(value: &Value, names: &[&str]) {
    for name in names {
        let number = value[*name].as_f64();
        assert!(number.is_some_and(|number| number > 0.0), "{name} in {value}");
    }
}

/// What a command that must succeed says.
async fn document(args: &[&str]) -> Value {
    let args = [args, &["--output", "json"]].concat();
    let done = stadtbus(&args).await.success(args[1]).unwrap();
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
}

/// Whether everything that is promised of a version stands there.
fn is_whole(version: &Value) {
    let sizes = [
        "component_bytes",
        "component_bytes_max",
        "memory_bytes",
        "output_bytes",
    ];
    positive(version, &sizes);
    positive(version, &["compile_ms", "compile_ms_max"]);
    positive(&version["start_micros"], &["p50", "p90", "p99"]);
    assert_eq!(
        (&version["memory_bytes_max"], &version["output_bytes_max"]),
        (&json!(16 << 20), &json!(262_144))
    );
    assert_eq!(
        (&version["inputs"], &version["left_out"], &version["instances"]),
        (&json!(2), &json!(0), &json!("fresh"))
    );
    let runs = version["runs"].as_array().unwrap();
    for run in runs {
        positive(run, &["events", "per_second"]);
        positive(&run["micros"], &["p50", "p90", "p99"]);
        assert!(
            run["micros"]["p50"].as_f64() <= run["micros"]["p99"].as_f64(),
            "{run}"
        );
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    let expected = if cores > 1 { vec![1, cores] } else { vec![1] };
    let threads: Vec<_> = runs.iter().map(|run| run["threads"].clone()).collect();
    assert_eq!(json!(threads), json!(expected));
}

#[tokio::test]
async fn the_cost_of_a_plugin_is_measured_beside_its_limits_and_another_version() {
    let (_home, folder) = new_plugin().await;
    let path = folder.display().to_string();
    let built = stadtbus(&["plugin", "build", &path]).await;
    built.success("build").unwrap();

    let checked = document(&["plugin", "check", &path]).await;
    positive(&checked, &["component_bytes_max", "compile_ms", "compile_ms_max"]);
    let grant = &checked["grants"][0];
    assert_eq!((&grant["grant"], &grant["fits"]), (&json!("log"), &json!(true)));
    let import = grant["import"].as_str().unwrap();
    assert!(import.starts_with("stadtbus:plugin/log@1."), "{import}");

    let component = folder.join("build/probe.wasm").display().to_string();
    let bench = document(&[
        "plugin",
        "bench",
        &path,
        "--seconds",
        "1",
        "--against",
        &component,
    ])
    .await;
    let versions = bench["versions"].as_array().unwrap();
    assert_eq!((versions.len(), &bench["seconds"]), (2, &json!(1)));
    versions.iter().for_each(is_whole);
    // The same component twice.
    assert_eq!(versions[0]["digest"], versions[1]["digest"]);
    assert_eq!(bench["ratio"]["component_bytes"], json!(1.0));
    positive(&bench["ratio"], &["start"]);
    positive(&bench["ratio"]["runs"][0], &["per_second", "p50", "p99"]);

    std::fs::remove_file(folder.join("probe_test.yaml")).unwrap();
    let nothing = stadtbus(&["plugin", "bench", &path]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    assert!(
        nothing.stderr.contains("nothing to measure"),
        "{}",
        nothing.stderr
    );
}

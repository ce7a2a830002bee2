//! The ready plugin `map`: a wrong expression is found when it is written down, a failed one names its place and no
//! content, and every recipe of the cookbook does what it says.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Finished, Process, World, stadtbus_bin, workspace_dir};

use crate::city::{CityFolder, PURPOSE, QUICK, TYPE};
use crate::plugins::FOLLOWING;
use crate::subscriptions::{order, with};
use crate::support::{LATER, SOON, dead_letters, event, publish, recipient, sender, step, take, world};

const MANIFEST: &str =
    "plugin: abbildung\npartner: werk\nversion: 1.0.0\nrole: transform\nworld: bytes\nlanguage: jsonata\n";

async fn stadtbus(arguments: &[&str]) -> Finished {
    let program = stadtbus_bin().unwrap();
    Process::run(&program, arguments, &[], Duration::from_secs(120))
        .await
        .unwrap()
}

/// Puts the ready component beside a manifest.
async fn build(folder: &Path) {
    let built = stadtbus(&["plugin", "build", &folder.display().to_string()]).await;
    built.success("build").unwrap();
}

/// The probe city with a mapping of `werk` as a derivation, and `amt` as the taker of what it makes.
async fn mapping_city(expression: &str) -> CityFolder {
    let city = CityFolder::new();
    city.contract(
        "werk",
        "folge",
        FOLLOWING,
        &[("amt", PURPOSE, "2020-01-01", "2099-12-31")],
    );
    let types = format!("consumes: [{TYPE}]\nproduces: [{FOLLOWING}]\n");
    city.write("plugins/abbildung/plugin.yaml", &format!("{MANIFEST}{types}"));
    build(&city.root().join("plugins/abbildung")).await;
    write(&city, expression);
    city.subscribe_as("amt", "amt-folgen", FOLLOWING, PURPOSE, "sink: {pull: {}}");
    city
}

fn write(city: &CityFolder, expression: &str) {
    write_with(city, expression, "");
}

/// `tables` are further lines of the use of the plugin.
fn write_with(city: &CityFolder, expression: &str, tables: &str) {
    let indented: String = expression.lines().map(|line| format!("      {line}\n")).collect();
    let more = format!(
        "plugin:\n  name: werk/abbildung\n  config:\n    expression: |\n{indented}{tables}\
         sink: {{log: {{source: \"urn:probe:werk:sender\", publishes: [{FOLLOWING}]}}}}\ndelivery: {{{QUICK}}}"
    );
    city.subscribe_as("werk", "werk-abbildung", TYPE, PURPOSE, &more);
}

const GOOD: &str =
    "{\n  \"type\": \"de.probe.werk.folge.v1\",\n  \"data\": {\"nr\": data.nr, \"wert\": 10 / data.wert}\n}";

#[tokio::test]
async fn an_expression_maps_events_and_what_fails_says_where_and_nothing_else() {
    let world = world(&mapping_city(GOOD).await).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish(&sender, &event("gut", 5)).await;
    let derived = take(&amt, "amt-folgen", 1, SOON).await.remove(0);
    assert_eq!(derived["data"], json!({"nr": "zaehler-7", "wert": 2}));
    assert_eq!(derived["causationid"], json!("gut"));
    publish(&sender, &event("schlecht", 0)).await;
    let letter = dead_letters(&sender, "werk-abbildung", 1).await.remove(0);
    assert_eq!(letter["code"], json!("SB-4108"), "{letter}");
    let told = letter.to_string();
    assert!(
        told.contains("wrong-output: expression, line 3, column 3"),
        "{letter}"
    );
    let reason = letter["reason"].to_string();
    assert!(!reason.contains("zaehler-7"), "{letter}");
}

#[tokio::test]
async fn a_wrong_expression_is_found_when_it_is_written_down() {
    let city = mapping_city(GOOD).await;
    let folder = city.path().display().to_string();
    stadtbus(&["lint", &folder]).await.success("lint").unwrap();
    let world = world(&city).await;
    let broken = GOOD.replace("10 / data.wert}", "10 / $unknwon(data.wert)}");
    write(&city, &broken);
    // By the one who writes it, with the file.
    let found = stadtbus(&["lint", &folder, "--output", "json"]).await;
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(finding["code"], json!("SB-4010"), "{found}");
    assert!(
        finding["file"].as_str().unwrap().ends_with("werk-abbildung.yaml"),
        "{found}"
    );
    assert!(finding["line"].as_u64().is_some_and(|line| line > 5), "{found}");
    let detail = finding["detail"]["en"].as_str().unwrap();
    assert!(detail.contains("line 3, column 40: `$unknwon`"), "{detail}");

    // By the bus, over the network, for an order that a partner places.
    let werk = sender(&world).await;
    let plugin = |expression: &str| json!({"name": "werk/abbildung", "config": {"expression": expression}});
    let order = with(order(), "/config/plugin", plugin(&broken));
    let refused = werk.post("/v1/subscriptions", &order).await.unwrap();
    let refused = refused.expect(422).unwrap().json();
    assert_eq!(refused["code"], json!("SB-4010"), "{refused}");
    assert_eq!(
        refused["pointer"],
        json!("/config/plugin/config/expression"),
        "{refused}"
    );
    assert!(
        refused["detail"].as_str().unwrap().contains("line 3, column 40"),
        "{refused}"
    );

    // And for a whole city.
    let applied = world.apply(&city.path(), &[]).await.unwrap_err().to_string();
    assert!(applied.contains("SB-4010"), "{applied}");
    // What was in force goes on.
    publish(&werk, &event("danach", 5)).await;
    take(&recipient(&world).await, "amt-folgen", 1, LATER).await;
}

/// The table that an event was mapped by, as its journey tells it: name and version.
async fn table_of(world: &World, id: &str) -> (String, String) {
    let settled =
        |step: &Value| step["subscription"] == json!("werk-abbildung") && step["outcome"] == json!("derived");
    let step = step(&sender(world).await, "werk", id, settled).await;
    let tables = step["tables"].as_object().unwrap_or_else(|| panic!("{step}"));
    let (name, version) = tables.iter().next().unwrap();
    assert_eq!(tables.len(), 1, "{step}");
    (name.clone(), version.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_changed_table_takes_effect_when_it_is_applied_and_the_journey_names_its_version() {
    let expression = "{\"type\": \"de.probe.werk.folge.v1\", \"data\": {\"nr\": data.nr, \"wert\": $table(\"faktor\", data.nr)}}";
    let city = mapping_city(GOOD).await;
    let types = format!("consumes: [{TYPE}]\nproduces: [{FOLLOWING}]\ntables: [faktor]\n");
    city.write("plugins/abbildung/plugin.yaml", &format!("{MANIFEST}{types}"));
    write_with(&city, expression, "  tables: {faktor: faktoren}\n");
    city.write("city/tables/faktoren.yaml", "zaehler-7: 3\n");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish(&sender, &event("vorher", 1)).await;
    let before = take(&amt, "amt-folgen", 1, SOON).await.remove(0);
    assert_eq!(before["data"]["wert"], json!(3));

    city.write("city/tables/faktoren.yaml", "zaehler-7: 4\n");
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("nachher", 1)).await;
    let after = take(&amt, "amt-folgen", 1, SOON).await.remove(0);
    assert_eq!(after["data"]["wert"], json!(4));

    // Written down differently it is the same table, and that is what the version says.
    city.write(
        "city/tables/faktoren.yaml",
        "# So war es zuerst.\n{\"zaehler-7\": 3}\n",
    );
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("wieder", 1)).await;
    take(&amt, "amt-folgen", 1, SOON).await;

    let (name, old) = table_of(&world, "vorher").await;
    let (_, new) = table_of(&world, "nachher").await;
    assert_eq!(name, "faktoren");
    assert_ne!(old, new);
    assert_eq!(table_of(&world, "wieder").await.1, old);
}

/// One recipe of the cookbook: its blocks by their word.
#[derive(Default)]
struct Recipe {
    title: String,
    manifest: Option<Value>,
    config: Option<Value>,
    cases: Vec<Value>,
}

fn recipes(text: &str) -> Vec<Recipe> {
    let mut found: Vec<Recipe> = vec![Recipe::default()];
    let mut block: Option<(String, String)> = None;
    for line in text.lines() {
        let recipe = found.last_mut().unwrap();
        match &mut block {
            Some((word, yaml)) if line == "```" => {
                let value: Value =
                    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{}: {error}", recipe.title));
                match word.as_str() {
                    "manifest" => recipe.manifest = Some(value),
                    "config" => recipe.config = Some(value),
                    "test" => recipe.cases = value.as_array().unwrap().clone(),
                    _ => {}
                }
                block = None;
            }
            Some((_, yaml)) => {
                yaml.push_str(line);
                yaml.push('\n');
            }
            None => {
                if let Some(word) = line.strip_prefix("```yaml ") {
                    block = Some((word.to_owned(), String::new()));
                } else if let Some(title) = line.strip_prefix("## ") {
                    found.push(Recipe {
                        title: title.to_owned(),
                        ..Recipe::default()
                    });
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn every_recipe_of_the_cookbook_does_what_it_says() {
    let text = std::fs::read_to_string(workspace_dir().join("docs/cookbook.md")).unwrap();
    let found = recipes(&text);
    let base = found.iter().find_map(|recipe| recipe.manifest.clone()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut number = 0;
    for recipe in found.into_iter().filter(|recipe| recipe.config.is_some()) {
        number += 1;
        let folder = dir.path().join(number.to_string());
        let mut manifest = base.as_object().unwrap().clone();
        for (name, value) in recipe.manifest.iter().flat_map(|own| own.as_object().unwrap()) {
            if value.is_null() {
                manifest.remove(name);
            } else {
                manifest.insert(name.clone(), value.clone());
            }
        }
        let cases = recipe.cases.into_iter().map(|mut case| {
            case["config"] = recipe.config.clone().unwrap();
            case
        });
        let cases = Value::Array(cases.collect());
        assert!(
            !cases.as_array().unwrap().is_empty(),
            "{} has no test",
            recipe.title
        );
        std::fs::create_dir_all(&folder).unwrap();
        // JSON is YAML.
        std::fs::write(folder.join("plugin.yaml"), Value::Object(manifest).to_string()).unwrap();
        std::fs::write(folder.join("recipe_test.yaml"), cases.to_string()).unwrap();
        build(&folder).await;
        let tested = stadtbus(&["plugin", "test", &folder.display().to_string()]).await;
        tested.success(&recipe.title).unwrap();
    }
    assert_eq!(number, 10, "recipes in docs/cookbook.md");
}

//! `stadtbus dev`: a bus with broker, city and tokens by one command, on a real broker whose store is bounded.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Failure, Mode, Process, eventually, nats_server_bin, stadtbus_bin};

use crate::city::CityFolder;
use crate::support::{LATER, event, take};

#[tokio::test]
async fn one_command_is_a_bus_that_takes_and_delivers() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let folder = city.path().display().to_string();
    let args = ["dev", "--port", "0", "--city", &folder, "--output", "json"].map(str::to_owned);
    let broker = nats_server_bin().unwrap().display().to_string();
    let env = [("STADTBUS_NATS_SERVER".to_owned(), broker)];
    let log = city.root().join("dev.log");
    let mut process = Process::start(&stadtbus_bin().unwrap(), &args, &env, &log).unwrap();
    let document: Value = eventually(LATER, "the document of `stadtbus dev`", || async {
        let text = process.log_text();
        let document = text.match_indices("\n{").find_map(|(at, _)| {
            let found = serde_json::Deserializer::from_str(&text[at..])
                .into_iter()
                .next()?;
            found.ok().filter(|document: &Value| document["url"].is_string())
        });
        document.ok_or_else(|| Failure::new(text))
    })
    .await
    .unwrap();
    let client = |name: &str| {
        let all = document["identities"].as_array().unwrap();
        let one = all.iter().find(|one| one["as"] == json!(name)).unwrap();
        let token = one["token"].as_str().unwrap();
        stadtbus_harness::Client::new(document["url"].as_str().unwrap(), token)
    };
    let answer = client("werk/sender")
        .publish(&event("probe", 1), Mode::Structured)
        .await;
    answer.unwrap().expect(202).unwrap();
    take(&client("amt/empfang"), "amt-alles", 1, LATER).await;
    assert_eq!(process.stop(Duration::from_secs(60)).await.unwrap(), Some(0));
}

//! A version on trial needs what one in force needs: somebody who vouches for it, and a name that is its alone.

use std::path::Path;

use serde_json::json;
use stadtbus_harness::World;

use super::{ALIKE, OTHERWISE, compared::folder, order, standing};
use crate::supply::{in_force, key, refused, stadtbus};
use crate::support::{LATER, event, publish, recipient, sender, take};

async fn signed(folder: &Path, key: &str) {
    let folder = folder.display().to_string();
    let done = stadtbus(&["plugin", "sign", &folder, "--signing-key", key]).await;
    done.success("sign").unwrap();
}

fn rewrite(folder: &Path, from: &str, to: &str) {
    let path = folder.join("plugin.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

/// Tries a version as its partner; what was said.
async fn tried(world: &World, verb: &[&str], folder: &Path) -> stadtbus_harness::Finished {
    let werk = sender(world).await;
    let folder = folder.display().to_string();
    let args = [&["plugin"], verb, &[folder.as_str()]].concat();
    world.bus.command(werk.token(), &args, &[]).await.unwrap()
}

#[tokio::test]
async fn a_version_on_trial_needs_what_one_in_force_needs() {
    let (mut world, city, file) = in_force("").await;
    let (stranger, _) = key(city.root(), "stranger.pem").await;
    let shadow: &[&str] = &["shadow"];
    let canary: &[&str] = &["canary", "--percent", "100"];

    let new = folder(&city, "neu", OTHERWISE);
    for verb in [shadow, canary] {
        refused(&tried(&world, verb, &new).await, "SB-4020");
    }
    signed(&new, &stranger).await;
    refused(&tried(&world, shadow, &new).await, "SB-4021");

    let same_name = folder(&city, "gleich", ALIKE);
    rewrite(&same_name, "version: 9.3.0", "version: 1.0.0");
    signed(&same_name, &file).await;
    refused(&tried(&world, shadow, &same_name).await, "SB-4022");

    // Nothing of it ran, and what is signed well does.
    let (werk, amt) = (sender(&world).await, recipient(&world).await);
    publish(&werk, &event("v-1", 7)).await;
    assert_eq!(
        take(&amt, "amt-folgen", 1, LATER).await[0]["data"]["wert"],
        json!(7)
    );
    signed(&new, &file).await;
    tried(&world, canary, &new).await.success("canary").unwrap();
    order(&werk, "promote", &json!({})).await;
    publish(&werk, &event("v-2", 7)).await;
    assert_eq!(
        take(&amt, "amt-folgen", 1, LATER).await[0]["data"]["wert"],
        json!(1_007)
    );
    // Its signature goes with it: whoever starts later verifies it again.
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    let (werk, amt) = (sender(&world).await, recipient(&world).await);
    standing(&werk, "promoted still", |rollout| {
        rollout["stage"] == json!("promoted")
    })
    .await;
    publish(&werk, &event("v-3", 7)).await;
    assert_eq!(
        take(&amt, "amt-folgen", 1, LATER).await[0]["data"]["wert"],
        json!(1_007)
    );
}

//! The city is applied again and again, also when it is wrong.

use std::time::{Duration, Instant};

use stadtbus_harness::Outcome;

use super::{PLAIN, Row};
use crate::stage::Stage;

const FOR: Duration = Duration::from_secs(60);
/// Fifty a minute.
const EACH: Duration = Duration::from_millis(1_200);
/// One in so many is wrong.
const WRONG_EACH: u32 = 5;

/// Fifty times a minute.
pub(super) const STORM: Row = Row {
    name: "reload-storm",
    what: "the city is applied 50 times a minute, every fifth time with a fault",
    fault: |stage| Box::pin(storm(stage)),
    ..PLAIN
};

async fn storm(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let file = stage.city.join("subscriptions/kom/probe-webhook.yaml");
    let right = std::fs::read_to_string(&file)?;
    let token = stage.world.operator().await?.token().to_owned();
    let (start, mut times, mut unexpected) = (Instant::now(), 0_u32, Vec::new());
    while start.elapsed() < FOR {
        let begun = Instant::now();
        let wrong = times % WRONG_EACH == WRONG_EACH - 1;
        let text = if wrong {
            right.replace(
                "types: [de.pruefstand.pub.probe.sent.v1]",
                "types: [de.pruefstand.niemand.v1]",
            )
        } else {
            right.replace(
                "title: Proben per Webhook",
                &format!("title: Proben per Webhook, Fassung {times}"),
            )
        };
        std::fs::write(&file, text)?;
        let done = stage
            .world
            .bus
            .apply(&token, &stage.city, &stage.city_env)
            .await?;
        if (done.code == Some(0)) == wrong && unexpected.len() < 5 {
            unexpected.push(format!("{:?} {}{}", done.code, done.stdout, done.stderr));
        }
        times += 1;
        tokio::time::sleep(EACH.saturating_sub(begun.elapsed())).await;
    }
    std::fs::write(&file, right)?;
    stage
        .world
        .bus
        .apply(&token, &stage.city, &stage.city_env)
        .await?
        .success("stadtbus apply")?;
    stage.expect(
        format!("of {times} cities the right ones are taken and the wrong ones are not {unexpected:?}"),
        unexpected.is_empty() && times > 0,
    );
    stage.flows("the storm").await;
    let answers = stage.answered();
    stage.expect("publishers noticed nothing", answers.other_than(&[202]) == 0);
    Ok(())
}

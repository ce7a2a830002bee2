//! What a thousand subscriptions cost while nothing happens.

use std::time::Duration;

use stadtbus_harness::Outcome;

use super::Setting;
use super::lanes::{SUBSCRIBERS, subscription};
use super::report::Row;
use super::rig::Rig;
use super::usage::Spent;

/// Time after a start until memory and CPU count.
const SETTLE: Duration = Duration::from_secs(2);

/// The bus with no subscription, then the same with a thousand, each freshly started.
pub(crate) async fn idle(row: Row, setting: Setting) -> Outcome<Row> {
    let mut rig = Rig::start(setting, &[]).await?;
    let (without, spent_without) = restarted(&mut rig, setting, 0).await?;
    let subscriptions: Vec<_> = (0..SUBSCRIBERS).map(subscription).collect();
    rig.add(&subscriptions).await?;
    let (with, spent) = restarted(&mut rig, setting, SUBSCRIBERS).await?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand is exact")]
    let each_kib = (with - without) * 1_024.0 / SUBSCRIBERS as f64;
    let share = |spent: Spent| spent.bus.unwrap_or_default() * 100.0;
    let note = format!(
        "bus without subscriptions {without:.1} MiB, {:.1} % of a core; with {SUBSCRIBERS} {with:.1} MiB, {:.1} %: {each_kib:.1} KiB each",
        share(spent_without),
        share(spent),
    );
    Ok(rig.costs(row, spent).note(note))
}

async fn restarted(rig: &mut Rig, setting: Setting, subscriptions: usize) -> Outcome<(f64, Spent)> {
    rig.world.bus.stop().await?;
    rig.world.bus.start_again().await?;
    rig.served(subscriptions).await?;
    tokio::time::sleep(SETTLE).await;
    let meter = rig.meter();
    tokio::time::sleep(setting.measure).await;
    let spent = meter.read();
    Ok((rig.resident().0.unwrap_or_default(), spent))
}

use std::{path::PathBuf, sync::Arc, time::Duration};

use stadtbus_broker::{Broker, BrokerError, CellWrite, Entry, LogName, LogSpec};
use stadtbus_broker_memory::MemoryBroker;
use tokio_util::sync::CancellationToken;

use super::{Asked, DamageKind, Witness, Witnessed, stuck::Stuck};
use crate::{
    Limits,
    city::{CITY, CURRENT},
    facts::Facts,
    log::decode,
};

/// A directory that goes away.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("stadtbus-witness-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn open(&self) -> Arc<Witness> {
        Witness::open(&self.0, &Limits::default(), Arc::new(Facts::default())).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn log() -> LogName {
    LogName::new("LOG_WERK").unwrap()
}

fn entry(n: u64) -> Entry {
    Entry::new("log.werk.t", format!("event {n}"))
        .with_header("b", "2")
        .with_header("a", n.to_string())
        .with_id(format!("id-{n}"))
}

async fn with_log() -> Arc<dyn Broker> {
    let broker = MemoryBroker::default();
    let spec = LogSpec::new(log(), vec!["log.werk.>".to_owned()]);
    broker.ensure_log(&spec).await.unwrap();
    Arc::new(broker)
}

/// A broker whose log holds `events`, as it might be found after trouble.
async fn holding(events: impl IntoIterator<Item = u64>) -> Arc<dyn Broker> {
    let broker = with_log().await;
    for n in events {
        broker.append(&log(), entry(n)).await.unwrap();
    }
    broker
}

fn witnessed(broker: &Arc<dyn Broker>, witness: &Arc<Witness>) -> Witnessed {
    Witnessed::new(Arc::clone(broker), Arc::clone(witness))
}

/// Appends `events` under the eye of the witness and writes down what it saw.
async fn witness_events(dir: &Dir, broker: &Arc<dyn Broker>, events: std::ops::RangeInclusive<u64>) {
    let witness = dir.open();
    let bus = witnessed(broker, &witness);
    bus.ensure_log(&LogSpec::new(log(), vec!["log.werk.>".to_owned()]))
        .await
        .unwrap();
    for n in events {
        bus.append(&log(), entry(n)).await.unwrap();
    }
    witness.look(&**broker).await;
    witness.flush().unwrap();
    assert_eq!(witness.stopped(), None);
}

async fn kind_found(dir: &Dir, broker: &Arc<dyn Broker>) -> Option<DamageKind> {
    let witness = dir.open();
    witness.look(&**broker).await;
    Some(witness.report().first()?.damage.clone()?.kind)
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_as_it_was_raises_no_alarm_and_is_chained() {
    let dir = Dir::new();
    let broker = with_log().await;
    witness_events(&dir, &broker, 1..=300).await;
    let witness = dir.open();
    witness.look(&*broker).await;
    assert_eq!(witness.stopped(), None);
    let report = witness.report().remove(0);
    assert_eq!(
        (report.mark, report.chain_from, report.chain_position),
        (300, 1, 300)
    );
    assert_eq!(report.chain.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_damage_is_named() {
    let swapped: Vec<u64> = (1..=150).chain([999]).chain(152..=300).collect();
    let mut beheaded: Vec<Arc<dyn Broker>> = Vec::new();
    for gone in [1, 150] {
        let broker = holding(1..=300).await;
        broker.remove(&log(), gone).await.unwrap();
        beheaded.push(broker);
    }
    let nothing: Arc<dyn Broker> = Arc::new(MemoryBroker::default());
    let cases = [
        (holding(1..=299).await, DamageKind::Truncated),
        (holding([]).await, DamageKind::Truncated),
        (holding(swapped).await, DamageKind::Altered),
        (holding(1001..=1300).await, DamageKind::Altered),
        (beheaded.remove(0), DamageKind::Beheaded),
        (beheaded.remove(0), DamageKind::Hole),
        (nothing, DamageKind::Missing),
    ];
    for (broker, kind) in cases {
        let dir = Dir::new();
        witness_events(&dir, &with_log().await, 1..=300).await;
        assert_eq!(kind_found(&dir, &broker).await, Some(kind));
        // It stands until it is mended, whatever a later start sees first.
        assert!(dir.open().stopped().is_some(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_log_stops_acceptance_and_a_whole_one_lets_it_go_on() {
    let dir = Dir::new();
    let original = holding([]).await;
    witness_events(&dir, &original, 1..=20).await;
    let cut = holding(1..=10).await;
    let witness = dir.open();
    witness.look(&*cut).await;
    let refused = witnessed(&cut, &witness).append(&log(), entry(21)).await;
    assert!(matches!(refused, Err(BrokerError::Untrusted(_))), "{refused:?}");
    drop(witness);

    let witness = dir.open();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&witness).run(Arc::clone(&original), stop.clone()));
    while witness.stopped().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    witnessed(&original, &witness)
        .append(&log(), entry(21))
        .await
        .unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_position_given_again_is_never_acknowledged() {
    let dir = Dir::new();
    witness_events(&dir, &with_log().await, 1..=20).await;
    let cut = holding(1..=10).await;
    let witness = dir.open();
    let bus = witnessed(&cut, &witness);
    let answers = bus.append_all(&log(), vec![entry(21), entry(22)]).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(BrokerError::Untrusted(_)))),
        "{answers:?}"
    );
    assert_eq!(
        witness.report().remove(0).damage.unwrap().kind,
        DamageKind::Reused
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_gone_is_not_made_anew() {
    let dir = Dir::new();
    witness_events(&dir, &with_log().await, 1..=20).await;
    let empty: Arc<dyn Broker> = Arc::new(MemoryBroker::default());
    let witness = dir.open();
    let spec = LogSpec::new(log(), vec!["log.werk.>".to_owned()]);
    witnessed(&empty, &witness).ensure_log(&spec).await.unwrap();
    assert!(matches!(empty.state(&log()).await, Err(BrokerError::NotFound(_))));
    assert!(witness.stopped().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_operator_decides_and_lost_positions_are_not_given_again() {
    let dir = Dir::new();
    witness_events(&dir, &with_log().await, 1..=1_200).await;
    let cut = holding(1..=100).await;
    cut.remove(&log(), 50).await.unwrap();
    let witness = dir.open();
    witness.look(&*cut).await;
    let asked = || Asked {
        by: "stadt/betrieb".to_owned(),
        reason: "the disk".to_owned(),
    };
    let decision = witness.accept_truth(&*cut, "LOG_WERK", asked()).await.unwrap();
    assert_eq!(
        (decision.mark, decision.last, decision.filled),
        (1_200, 100, 1_100)
    );
    assert_eq!(witness.decisions("LOG_WERK").unwrap(), vec![decision]);
    assert_eq!(witness.stopped(), None);
    let appended = witnessed(&cut, &witness)
        .append(&log(), entry(2_000))
        .await
        .unwrap();
    assert_eq!(appended.position, 1_201);
    let lost = cut.get(&log(), 101).await.unwrap().unwrap();
    assert_eq!(decode(lost).unwrap_err().code, "SB-1511");
    witness.look(&*cut).await;
    assert_eq!(witness.stopped(), None, "what was given up is not missed again");
    let again = witness
        .accept_truth(&*cut, "LOG_WERK", asked())
        .await
        .unwrap_err();
    assert_eq!(again.code, "SB-1509");
}

#[tokio::test(start_paused = true)]
async fn a_hole_as_large_as_a_file_is_decided_on_and_compared_in_seconds() {
    let dir = Dir::new();
    witness_events(&dir, &with_log().await, 1..=3_000).await;
    let stuck: Arc<dyn Broker> = Arc::new(Stuck {
        inner: holding(1..=3_000).await,
        hole: 500..=2_900,
    });
    let witness = dir.open();
    witness.look(&*stuck).await;
    assert!(witness.stopped().is_some());
    let asked = Asked {
        by: "stadt/betrieb".to_owned(),
        reason: "the disk".to_owned(),
    };
    let began = tokio::time::Instant::now();
    witness.accept_truth(&*stuck, "LOG_WERK", asked).await.unwrap();
    witness.look(&*stuck).await;
    assert_eq!(witness.stopped(), None);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_broker_raise_no_alarm_and_agree() {
    let (one, two) = (Dir::new(), Dir::new());
    let broker = with_log().await;
    let (first, second) = (one.open(), two.open());
    let (here, there) = (witnessed(&broker, &first), witnessed(&broker, &second));
    for n in 1..=600 {
        let bus = if n % 3 == 0 { &here } else { &there };
        bus.append(&log(), entry(n)).await.unwrap();
    }
    let stop = CancellationToken::new();
    let running = [&first, &second]
        .map(|witness| tokio::spawn(Arc::clone(witness).run(Arc::clone(&broker), stop.clone())));
    let chained = |witness: &Witness| {
        let report = witness.report().remove(0);
        (report.chain_position == 600).then_some(report.chain)
    };
    let (chain, other) = loop {
        if let (Some(one), Some(other)) = (chained(&first), chained(&second)) {
            break (one, other);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(chain, other, "one log has one chain");
    assert_eq!((first.stopped(), second.stopped()), (None, None));
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn damage_to_the_witness_itself_is_no_alarm() {
    let dir = Dir::new();
    let broker = with_log().await;
    witness_events(&dir, &broker, 1..=300).await;
    let file = dir.0.join("LOG_WERK").join("000000000000.slots");
    let mut bytes = std::fs::read(&file).unwrap();
    for at in [24 * 17 + 3, 24 * 299 + 23] {
        bytes[at] ^= 1;
    }
    bytes.truncate(24 * 300 + 11);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(kind_found(&dir, &broker).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_directory_belongs_to_one_process() {
    let dir = Dir::new();
    let _held = dir.open();
    assert!(Witness::open(&dir.0, &Limits::default(), Arc::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn cells_that_were_cut_or_put_back_are_noticed() {
    let dir = Dir::new();
    let original = with_log().await;
    let witness = dir.open();
    let cells = witnessed(&original, &witness).cells(CITY).await.unwrap();
    for n in 0..5 {
        cells
            .write(CellWrite::put(CURRENT, format!("{n}")))
            .await
            .unwrap();
    }
    witness.flush().unwrap();
    drop((cells, witness));

    let witness = dir.open();
    witness.look(&*original).await;
    assert_eq!(witness.stopped(), None);
    drop(witness);

    let older = with_log().await;
    let inner = older.cells(CITY).await.unwrap();
    inner.write(CellWrite::put(CURRENT, "0")).await.unwrap();
    for broker in [&older, &with_log().await] {
        let witness = dir.open();
        witness.look(&**broker).await;
        assert_eq!(witness.bucket_damages()[0].1.kind, DamageKind::RolledBack);
    }
    let witness = dir.open();
    witness.look(&*original).await;
    assert_eq!(witness.stopped(), None, "what was put back as it was is whole");
    let cells = witnessed(&older, &witness).cells(CITY).await.unwrap();
    cells.write(CellWrite::put("other", "1")).await.unwrap();
    assert_eq!(witness.bucket_damages()[0].1.kind, DamageKind::Reused);
}

/// Where one life left off the next one goes on, and comes by what lies before in the end.
#[tokio::test(start_paused = true)]
async fn the_comparison_of_a_long_log_goes_on_over_a_restart() {
    const EVENTS: u64 = 9_000;
    let dir = Dir::new();
    let original = with_log().await;
    witness_events(&dir, &original, 1..=EVENTS).await;
    // So slow that it is stopped in between.
    let limits = Limits {
        witness_scan_bytes_s_max: 1_024,
        ..Limits::default()
    };
    let open = || Witness::open(&dir.0, &limits, Arc::new(Facts::default())).unwrap();
    let run_until = async |broker: &Arc<dyn Broker>, enough: &dyn Fn(&super::LogReport) -> bool| {
        let witness = open();
        let stop = CancellationToken::new();
        let running = tokio::spawn(Arc::clone(&witness).run(Arc::clone(broker), stop.clone()));
        while !enough(&witness.report()[0]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.cancel();
        running.await.unwrap();
        witness.report().remove(0)
    };
    let first = run_until(&original, &|report| report.comparing_at > Some(0)).await;
    let came = first.comparing_at.unwrap();
    assert!(came > 1 && came < EVENTS, "{came}");
    assert_eq!(open().report()[0].comparing_at, Some(came));

    let altered = holding((1..7).chain([9_999]).chain(8..=EVENTS)).await;
    let ended = |report: &super::LogReport| report.damage.is_some() || report.compared_ms > 0;
    let found = run_until(&altered, &ended).await;
    let damage = found.damage.map(|damage| (damage.kind, damage.position));
    assert_eq!(damage, Some((DamageKind::Altered, 7)));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_was_made_anew_is_noticed_and_a_value_that_another_process_deleted_is_not() {
    let dir = Dir::new();
    let original = with_log().await;
    let witness = dir.open();
    let cells = witnessed(&original, &witness).cells("CURSORS").await.unwrap();
    cells.write(CellWrite::put("kom.a", "1")).await.unwrap();
    let other = original.cells("CURSORS").await.unwrap();
    other.write(CellWrite::delete("kom.a")).await.unwrap();
    witness.look(&*original).await;
    assert_eq!(witness.stopped(), None);
    witness.look(&*with_log().await).await;
    assert_eq!(witness.bucket_damages()[0].1.kind, DamageKind::RolledBack);
}

use super::*;

const SPIN: Duration = Duration::from_millis(50);
const SHORT: Duration = Duration::from_micros(40);

/// Accounts on a clock of their own. Jobs are numbers.
struct Stage {
    state: State<u32>,
    now: Instant,
    rooms: Vec<Arc<Semaphore>>,
}

impl Stage {
    fn new(threads: usize) -> Self {
        Self {
            state: State::new(threads),
            now: Instant::now(),
            rooms: Vec::new(),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn submit(&mut self, name: &str, job: u32) {
        let id = PartnerId::parse(name).unwrap();
        // A caller that waits holds it open.
        self.rooms.push(self.state.room(&id, 8, self.now));
        self.state.submit(&id, job);
    }

    fn start(&mut self) -> Option<Turn<u32>> {
        let found = self.state.has_turn(self.now);
        let turn = self.state.next(self.now);
        assert_eq!(found, turn.is_some());
        turn
    }

    fn finish(&mut self, mut turn: Turn<u32>, took: Duration) {
        turn.tally.add(took);
        self.state
            .settle(&turn.partner, turn.class, turn.tally, None, self.now);
    }

    /// One call from beginning to end, with nobody else about; what the partner counted as.
    fn call(&mut self, name: &str, took: Duration) -> Class {
        self.submit(name, 0);
        let turn = self.start().unwrap();
        assert_eq!(turn.partner.as_str(), name);
        let class = turn.class;
        self.pass(took);
        self.finish(turn, took);
        class
    }

    /// Makes a partner busy: a second of short calls without a pause.
    fn make_busy(&mut self, name: &str) {
        for _ in 0..1_000 {
            self.call(name, Duration::from_millis(1));
        }
        assert_eq!(self.call(name, SHORT), Class::Busy);
    }
}

#[test]
fn whoever_spun_is_heavy_for_seconds_and_then_forgotten() {
    let mut stage = Stage::new(2);
    assert_eq!(stage.call("ngn", SPIN), Class::Light);
    assert_eq!(stage.call("ngn", SPIN), Class::Heavy);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.call("ngn", SHORT), Class::Heavy);
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.call("ngn", SHORT), Class::Light);
}

#[test]
fn short_calls_in_between_do_not_make_up_for_a_spin() {
    let mut stage = Stage::new(2);
    stage.call("ngn", SPIN);
    stage.call("ngn", SPIN);
    for _ in 0..20 {
        assert_eq!(stage.call("ngn", SHORT), Class::Heavy);
    }
}

#[test]
fn a_light_partner_is_served_however_many_others_wait() {
    let mut stage = Stage::new(2);
    let others: Vec<String> = (0..8).map(|number| format!("hostile-{number}")).collect();
    for other in &others {
        stage.call(other, SPIN);
    }
    for other in &others {
        stage.submit(other, 1);
    }
    let spinning = stage.start().unwrap();
    assert_eq!(spinning.class, Class::Heavy);
    assert!(
        stage.start().is_none(),
        "half of two threads is for heavy partners"
    );
    for _ in 0..50 {
        assert_eq!(stage.call("gsak", SHORT), Class::Light);
    }
    stage.finish(spinning, SPIN);
    assert_eq!(stage.start().unwrap().class, Class::Heavy);
}

#[test]
fn heavy_partners_have_one_thread_each_and_half_of_all_together() {
    let mut stage = Stage::new(8);
    let others: Vec<String> = (0..6).map(|number| format!("hostile-{number}")).collect();
    for other in &others {
        stage.call(other, SPIN);
        stage.call(other, SPIN);
    }
    stage.submit(&others[0], 1);
    stage.submit(&others[0], 2);
    let first = stage.start().unwrap();
    assert!(stage.start().is_none(), "one thread for one partner");
    for other in &others {
        stage.submit(other, 3);
    }
    let more: Vec<_> = std::iter::from_fn(|| stage.start()).collect();
    assert_eq!(more.len(), 3, "four of eight threads with the first");
    assert!(more.iter().all(|turn| turn.partner != first.partner));
}

#[test]
fn those_who_are_unknown_may_all_spin_once_before_anybody_waits() {
    let mut stage = Stage::new(2);
    let others: Vec<String> = (0..8).map(|number| format!("hostile-{number}")).collect();
    for other in &others {
        stage.submit(other, 1);
        stage.submit(other, 2);
    }
    let spinning: Vec<_> = std::iter::from_fn(|| stage.start()).collect();
    assert_eq!(spinning.len(), 8, "one thread for each, and not two for anyone");
    assert_eq!(stage.call("gsak", SHORT), Class::Light);
}

#[test]
fn a_busy_partner_has_all_threads_alone_and_leaves_one_to_light_partners() {
    let mut stage = Stage::new(4);
    stage.make_busy("ngn");
    let at_once = |stage: &mut Stage| {
        for job in 0..6 {
            stage.submit("ngn", job);
        }
        let turns: Vec<_> = std::iter::from_fn(|| stage.start()).collect();
        let count = turns.len();
        for turn in turns {
            stage.finish(turn, SHORT);
        }
        while let Some(turn) = stage.start() {
            stage.finish(turn, SHORT);
        }
        count
    };
    stage.call("gsak", SHORT);
    assert_eq!(at_once(&mut stage), 3);
    stage.pass(RESERVED_FOR);
    stage.make_busy("ngn");
    // Longer than a thread is kept for light partners, which it was itself at first.
    stage.make_busy("ngn");
    assert_eq!(at_once(&mut stage), 4);
}

#[test]
fn the_one_with_the_least_on_its_account_goes_first_and_nobody_saves_up() {
    let mut stage = Stage::new(2);
    stage.make_busy("ngn");
    stage.submit("swk", 1);
    stage.submit("ngn", 1);
    // Both are served by what they used; swk, which was away until now, does not have a second to catch up.
    let first = stage.start().unwrap();
    assert_eq!(first.partner.as_str(), "swk");
    stage.finish(first, Duration::from_millis(2));
    let level = stage.state.level_us;
    assert!(level > 900_000, "{level}");
    let accounts: Vec<u64> = stage.state.partners.values().map(|one| one.used_us).collect();
    assert!(
        accounts.iter().all(|used| used.abs_diff(level) < 10_000),
        "{accounts:?} {level}"
    );
}

#[test]
fn a_share_is_smaller_where_more_partners_are() {
    let mut stage = Stage::new(2);
    let mut share_among = |partners: u64| {
        for number in 0..partners {
            stage.call(&format!("partner-{number}"), SHORT);
        }
        stage.pass(SWEEP_EVERY);
        stage.call("partner-0", SHORT);
        stage.state.light_us
    };
    assert_eq!(share_among(1), LIGHT_US_MAX);
    assert_eq!(share_among(8), WHOLE_THREAD_US / 4);
    assert_eq!(share_among(100), LIGHT_US_MIN);
}

#[test]
fn accounts_of_those_who_are_away_are_forgotten() {
    let mut stage = Stage::new(2);
    for number in 0..50 {
        stage.call(&format!("partner-{number}"), SPIN);
    }
    stage.rooms.clear();
    stage.pass(Duration::from_secs(30));
    stage.call("gsak", SHORT);
    assert_eq!(stage.state.partners.len(), 1);
}

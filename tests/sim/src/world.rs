//! What everybody in a run shares: chance, trace, ledger, the broker, and the processes there are.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use stadtbus_broker_memory::MemoryBroker;

use tokio::time::Instant;

use crate::{
    bus::Bus, coverage::Coverage, dice::Dice, ledger::Ledger, net::RECEIVERS, payload, trace::Trace,
};

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) dice: Dice,
    pub(crate) trace: Trace,
    pub(crate) broker: MemoryBroker,
    random: Mutex<fastrand::Rng>,
    ledger: Mutex<Ledger>,
    buses: Mutex<Vec<Option<Arc<Bus>>>>,
    coverage: Mutex<Coverage>,
    /// Until when receivers are away.
    away: Mutex<[Option<Instant>; RECEIVERS.len()]>,
    healed: AtomicBool,
}

macro_rules! note {
    ($world:expr, $($what:tt)*) => { $world.trace.note(format_args!($($what)*)) };
}
pub(crate) use note;

impl World {
    pub(crate) fn new(
        seed: u64,
        dice: Dice,
        random: fastrand::Rng,
        broker: MemoryBroker,
        trace: Trace,
    ) -> Self {
        let buses = vec![None; dice.processes];
        Self {
            seed,
            dice,
            trace,
            broker,
            random: Mutex::new(random),
            ledger: Mutex::new(Ledger::new(seed)),
            buses: Mutex::new(buses),
            coverage: Mutex::default(),
            away: Mutex::default(),
            healed: AtomicBool::new(false),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn random(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something that is this likely happens now. Nothing does once all is healed.
    pub(crate) fn hits(&self, probability: f64) -> bool {
        !self.is_healed() && probability > 0.0 && self.random().f64() < probability
    }

    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.random().f64())
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// What was met in this run.
    pub(crate) fn coverage(&self) -> MutexGuard<'_, Coverage> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a receiver is away now.
    pub(crate) fn is_away(&self, receiver: usize) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let until = away.get(receiver).copied().flatten();
        !self.is_healed() && until.is_some_and(|until| until > Instant::now())
    }

    /// Some receiver is away for so long.
    pub(crate) fn send_away(&self, length: Duration) {
        let receiver = self.random().usize(0..RECEIVERS.len());
        let name = RECEIVERS.get(receiver).copied().unwrap_or_default();
        note!(self, "{name} goes away for {} ms", length.as_millis());
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = away.get_mut(receiver) {
            *until = Some(Instant::now() + length);
        }
    }

    /// Whether this is of an event that nobody takes before all is healed.
    pub(crate) fn is_poison(&self, data: &[u8]) -> bool {
        let number = payload::number(self.seed, data);
        let poison = |number| self.ledger().of(number).is_some_and(|claim| claim.poison);
        !self.is_healed() && number.is_some_and(poison)
    }

    fn buses(&self) -> MutexGuard<'_, Vec<Option<Arc<Bus>>>> {
        self.buses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_bus(&self, place: usize, bus: Option<Arc<Bus>>) {
        if let Some(slot) = self.buses().get_mut(place) {
            *slot = bus;
        }
    }

    /// Nobody finds this process any more.
    pub(crate) fn leave(&self, bus: &Arc<Bus>) {
        for slot in self.buses().iter_mut() {
            if slot.as_ref().is_some_and(|there| Arc::ptr_eq(there, bus)) {
                *slot = None;
            }
        }
    }

    /// All processes that are alive.
    pub(crate) fn alive(&self) -> Vec<Arc<Bus>> {
        let buses = self.buses();
        let alive = buses.iter().flatten().filter(|bus| !bus.life.is_over());
        alive.cloned().collect()
    }

    /// Any process that is alive.
    pub(crate) fn any_bus(&self) -> Option<Arc<Bus>> {
        let alive = self.alive();
        self.random().choice(&alive).cloned()
    }
}

//! A guest has no source of chance. The plugin refuses `$random` and `$shuffle` before anything runs, so nothing here is
//! ever called; it keeps the real crate, and with it an import that no host grants, out of the component.

/// No source of chance.
#[derive(Debug)]
pub struct NoChance;

/// No source of chance.
pub fn rng() -> NoChance {
    NoChance
}

/// Always the same number.
pub fn random<T: Default>() -> T {
    T::default()
}

pub mod seq {
    //! Order by chance.

    /// Leaves the order as it is.
    pub trait SliceRandom {
        /// Does nothing.
        fn shuffle(&mut self, _rng: &mut super::NoChance) {}
    }

    impl<T> SliceRandom for [T] {}
}

//! The store of compiled artefacts: `<digest of the component>-<engine>.cwasm`, each with a check file.
//!
//! An artefact is machine code the bus will run, so it is loaded only if this store wrote it. The check file holds a
//! keyed SHA-256 over name and content; the key lies in the directory, readable by the bus's user alone, as the
//! directory is. Whatever does not check out counts as absent and is compiled again.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::PluginError;
use crate::limits::ARTEFACT_BYTES_MAX;
use crate::shape::hex;

const KEY_FILE: &str = "key";

pub(crate) struct Artefacts {
    dir: PathBuf,
    key: [u8; 32],
    engine: String,
}

impl Artefacts {
    /// Opens the store, or makes it: the directory with mode 0700, the key with 0600.
    pub(crate) fn open(dir: &Path, engine: String) -> Result<Self, PluginError> {
        let failed = |error: std::io::Error| {
            PluginError::new(
                "SB-1002",
                format!("the cache of compiled plugins cannot be used: {error}"),
            )
            .hint("plugins.cache_dir must be a directory the bus's user owns and may write to")
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let key = read_or_make_key(&dir.join(KEY_FILE)).map_err(failed)?;
        Ok(Self {
            dir: dir.to_owned(),
            key,
            engine,
        })
    }

    /// The artefact for the component with this digest, if this store holds it unharmed.
    pub(crate) fn load(&self, digest: &str) -> Option<Vec<u8>> {
        let name = self.name(digest);
        let path = self.dir.join(&name);
        let artefact = read_capped(&path, ARTEFACT_BYTES_MAX)?;
        let check = read_capped(&path.with_extension("check"), 64)?;
        if check == self.check(&name, &artefact).as_bytes() {
            return Some(artefact);
        }
        tracing::warn!(artefact = %name, "a compiled plugin does not match its check file; it is compiled again");
        None
    }

    /// Keeps an artefact. Written beside and renamed, so that a crash leaves the old one or none.
    pub(crate) fn store(&self, digest: &str, artefact: &[u8]) -> std::io::Result<()> {
        let name = self.name(digest);
        let path = self.dir.join(&name);
        write_whole(&path, artefact)?;
        write_whole(
            &path.with_extension("check"),
            self.check(&name, artefact).as_bytes(),
        )
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.engine)
    }

    /// Nested keyed hash (the construction of NMAC): a plain `hash(key ‖ content)` could be extended.
    fn check(&self, name: &str, artefact: &[u8]) -> String {
        let inner = Sha256::new()
            .chain_update(self.key)
            .chain_update(name)
            .chain_update([0])
            .chain_update(artefact)
            .finalize();
        hex(&Sha256::new()
            .chain_update(self.key)
            .chain_update([0xff])
            .chain_update(inner)
            .finalize())
    }
}

fn read_or_make_key(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    if let Ok(mut file) = fs::File::open(path) {
        // A key of the wrong length is no key; artefacts made with it are compiled again.
        if file.read_exact(&mut key).is_ok() {
            return Ok(key);
        }
    }
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    write_whole(path, &key)?;
    Ok(key)
}

fn read_capped(path: &Path, bytes_max: usize) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= bytes_max).then_some(bytes)
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&beside, path)
}

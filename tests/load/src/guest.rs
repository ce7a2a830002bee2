//! City folders for a run: copied beside their plugin, which is built as an integrator would build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use stadtbus_harness::{Failure, Outcome, Process, stadtbus_bin};

const BUILD_WITHIN: Duration = Duration::from_secs(170);

/// The plugin in the folder `guest`: its name is that of its manifest and of its component.
#[derive(Debug, Clone)]
pub struct Guest {
    folder: PathBuf,
    name: &'static str,
}

impl Guest {
    /// The plugin `name` with its sources in `folder`; built with `stadtbus plugin build` unless its component is newer than
    /// its sources.
    ///
    /// # Errors
    /// What the build says.
    pub async fn built(folder: PathBuf, name: &'static str) -> Outcome<Self> {
        let guest = Self { folder, name };
        let built = modified(&guest.component_file());
        let sources = ["src/lib.rs", "Cargo.toml", "plugin.yaml"].map(|file| guest.folder.join(file));
        if built.is_some() && sources.iter().all(|source| modified(source) <= built) {
            return Ok(guest);
        }
        let args = [
            "plugin".to_owned(),
            "build".to_owned(),
            guest.folder.display().to_string(),
        ];
        Process::run(&stadtbus_bin()?, &args, &[], BUILD_WITHIN)
            .await?
            .success("stadtbus plugin build")?;
        Ok(guest)
    }

    fn component_file(&self) -> PathBuf {
        self.folder.join("build").join(format!("{}.wasm", self.name))
    }

    /// Its manifest.
    ///
    /// # Errors
    /// What the file system says.
    pub fn manifest(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.folder.join("plugin.yaml"))?)
    }

    /// Its component.
    ///
    /// # Errors
    /// What the file system says.
    pub fn component(&self) -> Outcome<Vec<u8>> {
        Ok(fs::read(self.component_file())?)
    }

    /// Lays manifest and component into the plugins of a city folder.
    ///
    /// # Errors
    /// What the file system says.
    pub fn lay_into(&self, city: &Path) -> Outcome<()> {
        let target = city.join("plugins").join(self.name);
        fs::create_dir_all(target.join("build"))?;
        fs::copy(self.folder.join("plugin.yaml"), target.join("plugin.yaml"))?;
        fs::copy(
            self.component_file(),
            target.join("build").join(format!("{}.wasm", self.name)),
        )?;
        Ok(())
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|meta| meta.modified()).ok()
}

/// Copies a folder with all that is in it.
///
/// # Errors
/// What the file system says.
pub fn copy_folder(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).map_err(|error| Failure::new(format!("{}: {error}", from.display())))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

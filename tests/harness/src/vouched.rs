//! A city as it goes into operation: its plugins signed by a key that its partners register, what they use approved by a
//! second person. The key is made here and dies with the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::{Failure, Outcome, Process, World, stadtbus_bin};

const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// Copies the documents and built plugins of a city folder to `into`, registers a new key for every partner that has
/// plugins, and signs them. The contracts stay where they are. The copied folder.
pub async fn vouched_city(folder: &Path, into: &Path) -> Outcome<PathBuf> {
    let (city, plugins) = (into.join("city"), into.join("plugins"));
    copy(folder, &city)?;
    let head = fs::read_to_string(folder.join("city.yaml"))?;
    let mut changed = String::new();
    let mut source = None;
    for line in head.lines() {
        let named = |key: &str| line.strip_prefix(key).map(|path| folder.join(path.trim()));
        if let Some(contracts) = named("contracts: ") {
            changed.push_str(&format!("contracts: {}\n", contracts.canonicalize()?.display()));
        } else if let Some(found) = named("plugins: ") {
            changed.push_str("plugins: ../plugins\n");
            source = Some(found);
        } else {
            changed.push_str(&format!("{line}\n"));
        }
    }
    fs::write(city.join("city.yaml"), changed)?;
    let key = into.join("integrator.pem").display().to_string();
    let made = run(&["plugin", "key", "--out", &key, "--output", "json"]).await?;
    let public: Value = serde_json::from_str(&made)?;
    let mut owners = BTreeSet::new();
    for plugin in source.map(fs::read_dir).transpose()?.into_iter().flatten() {
        let plugin = plugin?.path();
        let name = plugin.file_name().unwrap_or_default().to_owned();
        let Ok(manifest) = fs::read_to_string(plugin.join("plugin.yaml")) else {
            continue;
        };
        let target = plugins.join(&name);
        fs::create_dir_all(target.join("build"))?;
        fs::write(target.join("plugin.yaml"), &manifest)?;
        let component = Path::new("build").join(&name).with_extension("wasm");
        fs::copy(plugin.join(&component), target.join(&component))?;
        let owner = manifest.lines().find_map(|line| line.strip_prefix("partner: "));
        owners.extend(owner.map(|owner| owner.trim().to_owned()));
        let target = target.display().to_string();
        run(&["plugin", "sign", &target, "--signing-key", &key]).await?;
    }
    for owner in owners {
        let path = city.join("partners").join(format!("{owner}.yaml"));
        let text = fs::read_to_string(&path)?;
        let of_key = |member: &str| public.get(member).cloned().unwrap_or_default();
        let (id, public_key) = (of_key("id"), of_key("public_key"));
        let line = format!("plugin_keys: [{{id: {id}, public_key: {public_key}}}]");
        fs::write(&path, format!("{}\n{line}\n", text.trim_end()))?;
    }
    Ok(city)
}

impl World {
    /// Applies a city whose plugins ask for what nobody has granted yet: it is put forward, `second` (partner and system)
    /// approves, and it is applied.
    pub async fn apply_approved(
        &self,
        folder: &Path,
        env: &[(String, String)],
        second: (&str, &str),
    ) -> Outcome<()> {
        let operator = self.operator().await?;
        let refused = self.bus.apply(operator.token(), folder, env).await?;
        if refused.code == Some(0) {
            return Err(Failure::new("it was applied although nobody approved it"));
        }
        let second = self.client(second.0, second.1, "operate").await?;
        let waiting = second.get("/v1/plugin-grants").await?.expect(200)?.json();
        let plugins = waiting.get("plugins").and_then(Value::as_array);
        for plugin in plugins.into_iter().flatten() {
            let name = plugin.get("plugin").and_then(Value::as_str).unwrap_or_default();
            let done = self
                .bus
                .command(second.token(), &["plugin", "approve", name, "--yes"], &[])
                .await?;
            done.success(&format!("stadtbus plugin approve {name}"))?;
        }
        self.apply(folder, env)
            .await
            .map_err(|failure| failure.while_(format!("after {}", refused.stderr)))
    }
}

async fn run(args: &[&str]) -> Outcome<String> {
    let done = Process::run(&stadtbus_bin()?, args, &[], COMMAND_WITHIN).await?;
    Ok(done.success(&args.join(" "))?.stdout)
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

//! `ringferry serve`: from a configuration to a running server and back to an exit code.

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use zeroize::Zeroizing;

use super::accounts::{self, Accounts, Umask};
use super::announce::{Announcement, Served};
use super::config::Config;
use super::config::defs::DEFAULT_ROOT;
use super::failure::Failure;
use super::host_key::{self, HostKey, HostKeys, StatePlaces};
use super::invoker::{Invoker, invoker};
use super::reload::{Reload, Source};
use super::settings::{self, settings};
use super::{descriptors, hook, log, moduli, private_file, signal, trust, umask, user_keys};
use crate::auth::LoginRules;
use crate::crypto::{self, Moduli, Preset};
use crate::reactor::random_seed;
use crate::server::{self, Ready, Stop};
use crate::ssh::{Role, TransportConfig};

/// Serves until a signal stops it.
pub(crate) fn serve(config: &Config) -> Result<(), Failure> {
    log::start(config.log_level, config.log_format)?;
    // From here on this process makes nothing without a mode.
    let umask = umask::take();
    let invoker = invoker();
    descriptors::raise_limit();
    let rules = settings::login_rules(config, random()?);
    let mut accounts = accounts(config, &invoker, umask, &rules)?;
    umask::settle(accounts.accounts.iter_mut().map(|account| &mut account.access));
    let host_keys = host_keys(config, &accounts, &invoker)?;
    warn_of_exposed_files(config, host_keys.keys(), &accounts);
    for unused in host_keys.not_offered(&config.host_key_names()) {
        tracing::warn!("{unused}: no algorithm for it is offered; see host_key_algorithms");
    }
    let moduli = moduli(config)?;
    let stop = Arc::new(Stop::new());
    let statistics = Arc::new(OnceLock::new());
    let reload = Arc::new(OnceLock::new());
    signal::watch(Arc::clone(&stop), Arc::clone(&statistics), Arc::clone(&reload))?;

    let shown = Shown::of(config, &accounts, &host_keys);
    let shards = settings::shards(config.shards);
    let mut ready = |ready: &Ready<'_>| {
        log_start(ready, shards, config);
        let _ = statistics.set(ready.statistics.clone());
        say(&shown.announcement(ready));
    };
    let ssh = settings::server_config(config, banner(config)?, host_keys, moduli);
    check_transport(&ssh.transport)?;
    let first =
        Reload::first(Source { config: config.clone(), invoker, umask, rules }, accounts, ssh)?;
    let settings = settings(config, first.roll());
    let _ = reload.set(Mutex::new(first));
    let ended = server::run(settings, &mut ready, stop);
    ended.map_err(|error| Failure::runtime(error.to_string()))?;
    tracing::info!("stopped");
    Ok(())
}

/// Who may log in: from the users file, or the sole user.
pub(crate) fn accounts(
    config: &Config,
    invoker: &Invoker,
    umask: Umask,
    rules: &LoginRules,
) -> Result<Accounts, Failure> {
    if !config.users_file.as_os_str().is_empty() {
        return accounts::several(config, umask, rules);
    }
    if config.system_users {
        return accounts::system(config, umask, rules);
    }
    if !config.auth_hook.is_empty() {
        return hook::accounts(config, umask);
    }
    let root = root(&config.root)?;
    accounts::sole(config, root, invoker, umask, rules, random)
}

/// What is printed once connections are accepted.
struct Shown {
    host_keys: Vec<(String, String, bool)>,
    user: String,
    /// The root, or the users file.
    path: String,
    /// With a users file.
    users: Option<usize>,
    system_users: bool,
    /// The hook's program or URL, without arguments: these may be secret.
    hook: Option<String>,
    read_only: bool,
    password: Option<Zeroizing<String>>,
}

impl Shown {
    fn of(config: &Config, accounts: &Accounts, host_keys: &HostKeys) -> Self {
        let several = !config.users_file.as_os_str().is_empty();
        let root = accounts.folders().next().unwrap_or(&config.root);
        let path = if several { &config.users_file } else { root };
        let keys = host_keys.keys().iter();
        let user = accounts.accounts.first().map(|account| account.name.clone());
        Self {
            host_keys: keys
                .map(|key| (key.fingerprint(), key.path.display().to_string(), key.made))
                .collect(),
            user: user.unwrap_or_else(|| "USER".to_owned()),
            path: path.display().to_string(),
            users: several.then_some(accounts.accounts.len()),
            system_users: config.system_users,
            // Nor what stands behind a question mark.
            hook: config
                .auth_hook
                .first()
                .map(|hook| hook.split('?').next().unwrap_or_default().to_owned()),
            read_only: config.read_only,
            password: accounts.password.clone(),
        }
    }

    fn announcement(&self, ready: &Ready<'_>) -> String {
        let uname = rustix::system::uname();
        let announcement = Announcement {
            addresses: ready.listen,
            pid: std::process::id(),
            host_name: &uname.nodename().to_string_lossy(),
            served: match (&self.hook, self.users) {
                (Some(hook), _) => Served::Hooked(hook),
                _ if self.system_users => Served::Homes,
                (None, Some(count)) => Served::Users(&self.path, count),
                (None, None) => Served::Root(&self.path),
            },
            read_only: self.read_only,
            user: &self.user,
            host_keys: &self.host_keys,
            password: self.password.as_deref().map(String::as_str),
        };
        announcement.text()
    }
}

/// What the values of the configuration cannot tell one by one, such as host keys that none of the
/// algorithms offered is for.
fn check_transport(transport: &TransportConfig) -> Result<(), Failure> {
    transport.check(Role::Server).map_err(|error| match error.setting {
        "host_keys" => Failure::configuration(format!("host_key: {}", error.problem)).cure(
            "name a key of such a type, or offer its algorithm: see algorithms and \
             host_key_algorithms",
        ),
        _ => Failure::configuration(error.to_string()),
    })
}

/// The lines that say what this server runs on.
fn log_start(ready: &Ready<'_>, shards: usize, config: &Config) {
    let ciphers: Vec<String> = config
        .cipher_names()
        .iter()
        .map(|name| format!("{name}={}", crypto::backend_of(name).unwrap_or("none")))
        .collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        driver = ready.driver.driver,
        flags = %ready.driver.flags.join(","),
        shards,
        ciphers = %ciphers.join(","),
        "serving"
    );
    if let Some(note) = &ready.driver.note {
        tracing::warn!("running on epoll: {note}");
    }
    let legacy = legacy(config);
    if !legacy.is_empty() {
        tracing::warn!(
            "{} offered although broken or outdated: for peers that have nothing else. To stop: {}",
            legacy.join(", "),
            match config.preset() {
                Preset::Legacy => "algorithms = \"compatible\"",
                _ => "take them out of ciphers and macs",
            }
        );
    }
    if expands_for_strangers(config) {
        tracing::warn!(
            "the compression zlib expands what clients send before they log in; \
             zlib@openssh.com waits until they have"
        );
    }
}

/// Whether a compression is offered that starts before anybody is authenticated.
fn expands_for_strangers(config: &Config) -> bool {
    let early = |name: &&str| !crypto::compression(name).is_none_or(|it| it.delayed);
    config.compression_names().iter().any(|name| *name != "none" && early(name))
}

/// The algorithms offered that only the preset `legacy` has.
fn legacy(config: &Config) -> Vec<&'static str> {
    let (ciphers, macs) = (Preset::Compatible.ciphers(), Preset::Compatible.macs());
    let ciphers = config.cipher_names().into_iter().filter(|name| !ciphers.contains(name));
    ciphers.chain(config.mac_names().into_iter().filter(|name| !macs.contains(name))).collect()
}

/// Reads the files `config` names without making anything: what `check` checks beyond the values.
pub(crate) fn check_files(config: &Config) -> Result<(), Failure> {
    let moduli = moduli(config)?;
    banner(config)?;
    if !config.host_key.is_empty() {
        let host_keys = HostKeys::named(config)?;
        check_transport(&settings::transport(config, host_keys, moduli))?;
    }
    if !config.users_file.as_os_str().is_empty() {
        let rules = settings::login_rules(config, [0; 32]);
        return accounts::several(config, umask::NOBODYS, &rules).map(|_| ());
    }
    if config.system_users {
        let rules = settings::login_rules(config, [0; 32]);
        return accounts::only_keys(&rules);
    }
    let rules = accounts::key_rules(config);
    let trust = trust::trust(config, &rules)?;
    if !config.auth_hook.is_empty() {
        return hook::check_program(config);
    }
    user_keys::named(&config.authorized_keys, &rules, &trust)?.warn();
    if config.root != Path::new(DEFAULT_ROOT) {
        root(&config.root)?;
    }
    Ok(())
}

/// The folder to serve, absolute and without links in its name.
fn root(configured: &Path) -> Result<PathBuf, Failure> {
    let shown = configured.display();
    let failed = |error: std::io::Error| Failure::configuration(format!("root {shown}: {error}"));
    if configured == Path::new(DEFAULT_ROOT) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(configured);
        made.map_err(|error| failed(error).cure("name a folder with --root"))?;
    }
    let root = std::fs::canonicalize(configured).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let failure = failed(error);
        if missing { failure.cure(format!("mkdir -p {shown}")) } else { failure }
    })?;
    if !root.is_dir() {
        return Err(Failure::configuration(format!("root {shown}: it is not a folder")));
    }
    Ok(root)
}

fn host_keys(config: &Config, accounts: &Accounts, invoker: &Invoker) -> Result<HostKeys, Failure> {
    if !config.host_key.is_empty() {
        return HostKeys::named(config);
    }
    if let Some(path) = config.host_key_passphrase_file.first() {
        let what = format!("host_key_passphrase_file {}: there is no host_key", path.display());
        return Err(Failure::configuration(what).cure("name the encrypted key as host_key"));
    }
    let places = StatePlaces::from_environment(invoker.home.clone());
    // Beside the root of the sole user, or the users file.
    let users_file = std::fs::canonicalize(&config.users_file).ok();
    let beside = users_file.as_deref().or(accounts.folders().next()).unwrap_or(&config.root);
    let key = host_key::load_or_make(&places, beside, random)?;
    HostKeys::new(vec![key], config)
}

/// What is shown before a login.
fn banner(config: &Config) -> Result<Option<String>, Failure> {
    let path = &config.banner;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let failed =
        |what: String| Failure::configuration(format!("banner {}: {what}", path.display()));
    let bytes = private_file::read(path, BANNER_BYTES_MAX, 0)
        .map_err(|refusal| failed(refusal.describe(BANNER_BYTES_MAX)))?;
    String::from_utf8(bytes).map(Some).map_err(|_| failed("it is not UTF-8 text".to_owned()))
}

/// What OpenSSH's client shows of a banner.
const BANNER_BYTES_MAX: usize = 8 * 1024;

/// The groups for the group exchange; what of the files cannot be used is warned about.
fn moduli(config: &Config) -> Result<Moduli, Failure> {
    let (moduli, warnings) = moduli::load(&config.moduli_file)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(moduli)
}

/// Clients act with the server's own rights in their folders, so modes do not stop them there.
fn warn_of_exposed_files(config: &Config, host_keys: &[HostKey], accounts: &Accounts) {
    let exposed = |path: &Path| {
        let path = std::fs::canonicalize(path);
        path.is_ok_and(|path| accounts.folders().any(|folder| path.starts_with(folder)))
    };
    for key in host_keys.iter().filter(|key| exposed(&key.path)) {
        let path = key.path.display();
        tracing::warn!(%path, "the host key lies inside root: clients can read it");
    }
    let lists = config.trusted_user_ca_keys.iter().chain(&config.revoked_keys);
    for path in lists.filter(|path| exposed(path)) {
        let path = path.display();
        tracing::warn!(%path, "lies inside root: clients can change who may log in");
    }
    if exposed(&config.users_file) {
        let path = config.users_file.display();
        tracing::warn!(%path, "a user sees the users file: who can change it can let anybody in");
    }
}

/// 32 bytes from the kernel.
fn random() -> Result<[u8; 32], Failure> {
    random_seed().map_err(|error| Failure::runtime(format!("no random numbers: {error}")))
}

/// Whoever started the server may have read the first line and closed the pipe: that is no failure.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_must_be_a_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(root(folder.path()).unwrap(), folder.path().canonicalize().unwrap());
        let missing = folder.path().join("missing");
        let failure = root(&missing).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert_eq!(failure.cure, Some(format!("mkdir -p {}", missing.display())));
        assert!(!missing.exists());
        std::fs::write(&missing, "").unwrap();
        assert!(root(&missing).unwrap_err().causes[0].ends_with("it is not a folder"));
    }
}

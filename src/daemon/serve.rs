//! `ringferry serve`: from a configuration to a running server and back to an exit code.

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::announce::Announcement;
use super::config::Config;
use super::config::defs::DEFAULT_ROOT;
use super::failure::Failure;
use super::host_key::{self, HostKey, HostKeys, StatePlaces};
use super::invoker::{Invoker, invoker};
use super::settings::{self, settings};
use super::user_keys::{self, UserKeys};
use super::{log, moduli, signal};
use crate::auth::{PasswordDigest, SoleUser};
use crate::crypto::{self, Moduli, Preset};
use crate::reactor::fs::{Links, Root, View};
use crate::reactor::random_seed;
use crate::server::{self, Profile, Profiles, Ready, Stop};
use crate::ssh::{Role, TransportConfig};
use crate::vfs::Access;

/// Serves until a signal stops it.
pub(crate) fn serve(config: &Config) -> Result<(), Failure> {
    log::start(config.log_level, config.log_format)?;
    let invoker = invoker();
    let root = root(&config.root)?;
    let host_keys = host_keys(config, &root, &invoker)?;
    warn_of_exposed_keys(host_keys.keys(), &root);
    for unused in host_keys.not_offered(&config.host_key_names()) {
        tracing::warn!("{unused}: no algorithm for it is offered; see host_key_algorithms");
    }
    let moduli = moduli(config)?;
    let (users, password) = users(config, &invoker)?;
    let stop = Arc::new(Stop::new());
    signal::watch(Arc::clone(&stop))?;

    let told: Vec<_> = host_keys
        .keys()
        .iter()
        .map(|key| (key.fingerprint(), key.path.display().to_string(), key.made))
        .collect();
    let user = users.name().to_owned();
    let shown_root = root.display().to_string();
    let shards = settings::shards(config.shards);
    let mut ready = |ready: &Ready<'_>| {
        log_start(ready, shards, config);
        let uname = rustix::system::uname();
        let announcement = Announcement {
            addresses: ready.listen,
            pid: std::process::id(),
            host_name: &uname.nodename().to_string_lossy(),
            root: &shown_root,
            read_only: config.read_only,
            user: &user,
            host_keys: &told,
            password: password.as_deref().map(String::as_str),
        };
        say(&announcement.text());
    };
    let view =
        Root::open(&root).and_then(|root| View::new(vec![(b"/".to_vec(), root)], Links::Follow));
    let view =
        view.map_err(|error| Failure::runtime(format!("root {}: {error}", root.display())))?;
    let mut access = Access::unrestricted();
    access.read_only = config.read_only;
    let profile = Profile { view: Arc::new(view), access: Arc::new(access) };
    let profiles = Profiles::new([(users.name().to_owned(), profile)]);
    let settings = settings(config, profiles, host_keys, moduli, Arc::new(users));
    check_transport(&settings.ssh.transport)?;
    let ended = server::run(settings, &mut ready, stop);
    ended.map_err(|error| Failure::runtime(error.to_string()))?;
    tracing::info!("stopped");
    Ok(())
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
    user_keys::named(&config.authorized_keys, rsa_bits_min(config))?.warn();
    if !config.host_key.is_empty() {
        let host_keys = HostKeys::named(config)?;
        check_transport(&settings::transport(config, host_keys, moduli))?;
    }
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

fn host_keys(config: &Config, root: &Path, invoker: &Invoker) -> Result<HostKeys, Failure> {
    if !config.host_key.is_empty() {
        return HostKeys::named(config);
    }
    if let Some(path) = config.host_key_passphrase_file.first() {
        let what = format!("host_key_passphrase_file {}: there is no host_key", path.display());
        return Err(Failure::configuration(what).cure("name the encrypted key as host_key"));
    }
    let places = StatePlaces::from_environment(invoker.home.clone());
    let key = host_key::load_or_make(&places, root, random)?;
    HostKeys::new(vec![key], config)
}

fn rsa_bits_min(config: &Config) -> usize {
    usize::try_from(config.required_rsa_size).unwrap_or(usize::MAX)
}

/// The groups for the group exchange; what of the files cannot be used is warned about.
fn moduli(config: &Config) -> Result<Moduli, Failure> {
    let (moduli, warnings) = moduli::load(&config.moduli_file)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(moduli)
}

/// Clients act with the server's own rights below root, so mode 0600 does not stop them there.
fn warn_of_exposed_keys(host_keys: &[HostKey], root: &Path) {
    for key in host_keys {
        let path = std::fs::canonicalize(&key.path);
        if path.is_ok_and(|path| path.starts_with(root)) {
            let path = key.path.display();
            tracing::warn!(%path, "the host key lies inside root: clients can read it");
        }
    }
}

/// The one user, and the password that was made where no key was found.
fn users(
    config: &Config,
    invoker: &Invoker,
) -> Result<(SoleUser, Option<Zeroizing<String>>), Failure> {
    let name = if config.user.is_empty() { &invoker.name } else { &config.user };
    let named = !config.authorized_keys.is_empty();
    let found: UserKeys = match named {
        true => user_keys::named(&config.authorized_keys, rsa_bits_min(config))?,
        false => user_keys::of_invoker(invoker, rsa_bits_min(config)),
    };
    found.warn();
    // Where files are named, keys were meant: a password would open a door nobody asked for.
    let password = match found.keys.is_empty() && !named {
        true => Some(made_password(&random()?)),
        false => None,
    };
    let digest = password.as_deref().map(|password| PasswordDigest::of(password));
    Ok((SoleUser::new(name, found.keys, digest), password))
}

/// 20 characters of 5 bits: 100 bits, in groups for the eye, without letters that look alike.
fn made_password(random: &[u8; 32]) -> Zeroizing<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut password = Zeroizing::new(String::with_capacity(24));
    for (at, byte) in random.iter().take(20).enumerate() {
        if at > 0 && at % 5 == 0 {
            password.push('-');
        }
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        password.push(char::from(letter));
    }
    password
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
    fn a_made_password_is_typable_and_uses_all_its_bits() {
        let first = made_password(&[0; 32]);
        assert_eq!(first.as_str(), "aaaaa-aaaaa-aaaaa-aaaaa");
        let mut bytes = [0; 32];
        for (at, byte) in (0u8..).zip(&mut bytes) {
            *byte = at;
        }
        let second = made_password(&bytes);
        assert_eq!(second.as_str(), "abcde-fghij-kmnpq-rstuv");
    }

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

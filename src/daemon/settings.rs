//! Turns a [`Config`] and what its files hold into what the server runs on.

use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, penalty_rules};
use super::host_key::HostKeys;
use crate::auth::{Chain, Chains, LoginRules, Networks, UsedCodes};
use crate::crypto::Moduli;
use crate::reactor::DriverChoice;
use crate::server::{
    AdmissionRules, CryptoThreads, CurrentRoll, Names, PagePolicy, Settings, Verbs, WriteBehind,
};
use crate::ssh::{Prompt, ServerConfig, StrictKex, TransportConfig, WindowBudget};

/// Everything the server is told.
pub(crate) fn settings(config: &Config, roll: Arc<CurrentRoll>) -> Settings {
    Settings {
        listen: config.listen.clone(),
        software_version: roll.get().ssh.transport.software_version.clone(),
        roll,
        shards: shards(config.shards),
        spare_shard: config.shards == 0,
        crypto_threads: match config.crypto_threads {
            None => CryptoThreads::Auto,
            Some(count) => CryptoThreads::Fixed(wide(count)),
        },
        driver: match config.driver {
            "ring" => DriverChoice::Ring,
            "poll" => DriverChoice::Poll,
            _ => DriverChoice::Auto,
        },
        names: Names::of_this_host(),
        verbs: Verbs::new(&config.enabled_exec),
        pages: pages(config),
        connections_max: wide(config.max_connections),
        admission: admission(config),
        idle_timeout: seconds(config.idle_timeout),
    }
}

fn pages(config: &Config) -> PagePolicy {
    let write_behind = WriteBehind {
        piece_bytes: config.write_behind_bytes,
        from_bytes: config.write_behind_from_bytes,
    };
    PagePolicy::new(write_behind, config.file_cache == "drop")
}

/// The SSH side of it, but for the methods, which depend on the users.
pub(crate) fn server_config(
    config: &Config,
    banner: Option<String>,
    host_keys: HostKeys,
    moduli: Moduli,
) -> ServerConfig {
    let window_bytes_max = narrow(config.window_bytes_max);
    let built_in = ServerConfig::default();
    ServerConfig {
        transport: transport(config, host_keys, moduli),
        banner,
        max_auth_tries: narrow(config.max_auth_tries),
        auth_timeout: seconds(config.login_grace_time),
        keepalive_interval: seconds(config.client_alive_interval),
        keepalive_count_max: narrow(config.client_alive_count_max),
        channels_max: wide(config.max_sessions),
        window_bytes: built_in.window_bytes.min(window_bytes_max),
        window_bytes_max,
        window_budget: Arc::new(WindowBudget::new(config.window_budget_bytes)),
        ..built_in
    }
}

/// What holds for every login.
pub(crate) fn login_rules(config: &Config, stand_in_secret: [u8; 32]) -> LoginRules {
    LoginRules {
        chains: chains(&config.authentication_methods),
        instruction: config.interactive_instruction.clone(),
        password_prompt: Prompt { text: config.password_prompt.clone(), echo: false },
        code_prompt: Prompt { text: config.totp_prompt.clone(), echo: config.totp_echo },
        used_codes: UsedCodes::default(),
        stand_in_secret,
    }
}

/// The chains that a list of `authentication_methods` names, which was checked as it was read.
pub(crate) fn chains(texts: &[String]) -> Option<Chains> {
    let chains = texts.iter().filter_map(|text| Chain::parse(text).ok()).collect();
    (!texts.is_empty()).then(|| Chains::new(chains))
}

/// Who is let in. What is text here was checked when it was read.
fn admission(config: &Config) -> AdmissionRules {
    let built_in = AdmissionRules::default();
    let networks = |list: &[ipnet::IpNet]| Networks::new(list.to_vec());
    let bound = |value: u64| unless_zero(value).map(wide);
    AdmissionRules {
        allow: networks(&config.allow_addresses),
        deny: networks(&config.deny_addresses),
        startups: config.max_startups.parse().unwrap_or(built_in.startups),
        net_blocks: config.per_source_net_block_size.parse().unwrap_or(built_in.net_blocks),
        startups_per_source_max: bound(config.per_source_max_startups),
        connections_per_source_max: bound(config.per_source_max_connections),
        connections_per_user_max: bound(config.per_user_max_connections),
        sessions_per_user_max: bound(config.per_user_max_sessions),
        penalties: penalty_rules(&config.per_source_penalties).unwrap_or(built_in.penalties),
        penalty_exempt: networks(&config.per_source_penalty_exempt_list),
        proxies: networks(&config.proxy_protocol_from),
    }
}

/// The transport's part of it.
pub(crate) fn transport(config: &Config, host_keys: HostKeys, moduli: Moduli) -> TransportConfig {
    let built_in = TransportConfig::default();
    TransportConfig {
        kexes: config.kexes(),
        host_key_algorithms: config.host_key_names(),
        ciphers: config.cipher_names(),
        macs: config.mac_names(),
        compressions: config.compression_names(),
        signature_algorithms: config.user_key_names(),
        strict_kex: strict_kex(config.strict_kex),
        software_version: match config.version_string.as_str() {
            "" => built_in.software_version,
            software => software.to_owned(),
        },
        comment: config.version_addendum.clone(),
        peer_versions: config.client_versions.clone(),
        rekey_interval: seconds(config.key_renegotiation_interval),
        ident_timeout: Duration::from_secs(config.ident_timeout),
        kex_timeout: Duration::from_secs(config.kex_timeout),
        host_keys: host_keys.signers(),
        moduli: Arc::new(moduli),
        rsa_bits_min: wide(config.required_rsa_size),
        rekey_bytes: unless_zero(config.key_renegotiation_threshold),
        ..built_in
    }
}

/// One a core this process may run on, where 0 asks for that.
pub(crate) fn shards(configured: u64) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => wide(count),
    }
}

fn strict_kex(name: &str) -> StrictKex {
    StrictKex::ALL.into_iter().find(|setting| setting.name() == name).unwrap_or_default()
}

fn unless_zero(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

fn seconds(value: u64) -> Option<Duration> {
    unless_zero(value).map(Duration::from_secs)
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn wide(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Overflow, PenaltyRules, Users};
    use crate::daemon::config::{Layer, load};
    use crate::server::{Profiles, Roll};

    /// What the server is told, and its SSH side.
    struct Made {
        settings: Settings,
        ssh: Arc<ServerConfig>,
    }

    impl std::ops::Deref for Made {
        type Target = Settings;

        fn deref(&self) -> &Settings {
            &self.settings
        }
    }

    fn made(text: &str) -> Made {
        let config = load(&[Layer::File { name: "f", text }]).unwrap();
        let authenticator = Arc::new(Users::sole("ann", vec![], None));
        let ssh = server_config(&config, None, HostKeys::default(), Moduli::default());
        let roll = Roll { authenticator, profiles: Profiles::default(), ssh: Arc::new(ssh) };
        let ssh = Arc::clone(&roll.ssh);
        Made { settings: settings(&config, Arc::new(CurrentRoll::new(roll))), ssh }
    }

    #[test]
    fn the_chains_and_prompts_reach_the_logins() {
        let text = "authentication_methods = ['publickey,password', 'password']\n\
                    interactive_instruction = 'hi'\npassword_prompt = 'pw'\n\
                    totp_prompt = 'code'\ntotp_echo = false\n";
        let rules = login_rules(&load(&[Layer::File { name: "f", text }]).unwrap(), [7; 32]);
        let chains: Vec<_> = rules.chains.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(chains, ["publickey,password", "password"]);
        assert_eq!(rules.instruction, "hi");
        assert_eq!(rules.password_prompt, Prompt { text: "pw".to_owned(), echo: false });
        assert_eq!(rules.code_prompt, Prompt { text: "code".to_owned(), echo: false });
        let rules = login_rules(&load(&[]).unwrap(), [7; 32]);
        assert!(rules.chains.is_none() && rules.code_prompt.echo);
        assert_eq!(rules.stand_in_secret, [7; 32]);
    }

    #[test]
    fn zero_means_none_or_the_built_in_value() {
        let settings = made("");
        assert_eq!(settings.ssh.transport.rekey_bytes, None);
        let (made_of, built_in) = (&settings.ssh.transport, TransportConfig::default());
        assert_eq!(made_of.kexes, built_in.kexes);
        assert_eq!(made_of.software_version, built_in.software_version);
        assert_eq!(made_of.ident_timeout, built_in.ident_timeout);
        assert_eq!(made_of.kex_timeout, built_in.kex_timeout);
        assert_eq!(made_of.strict_kex, built_in.strict_kex);
        assert_eq!(made("client_alive_interval = 0").ssh.keepalive_interval, None);
        assert_eq!(settings.idle_timeout, None);
        assert_eq!(settings.ssh.window_bytes_max, ServerConfig::default().window_bytes_max);
        assert_eq!(settings.ssh.auth_timeout, Some(Duration::from_secs(120)));
        assert!(settings.shards >= 1 && settings.driver == DriverChoice::Auto);
        assert_eq!(settings.admission, AdmissionRules::default());
        assert_eq!(made("per_source_penalties = 'no'").admission.penalties, None);
        assert_eq!(made("login_grace_time = 0").ssh.auth_timeout, None);
    }

    #[test]
    fn every_key_reaches_the_server() {
        let settings = made(
            "listen = '[::1]:7'\nread_only = true\nshards = 3\ncrypto_threads = 5\n\
             driver = 'poll'\n\
             max_auth_tries = 2\nlogin_grace_time = 5\nclient_alive_interval = 7\n\
             client_alive_count_max = 8\nkey_renegotiation_threshold = '1M'\nmax_sessions = 9\n\
             max_connections = 11\nidle_timeout = 13\nciphers = 'aes128-gcm@openssh.com'\n\
             macs = 'hmac-sha2-512'\nkex_algorithms = 'ecdh-sha2-nistp256'\n\
             key_renegotiation_interval = '1h'\nident_timeout = 3\nkex_timeout = 4\n\
             version_string = 'x_1'\nversion_addendum = 'Debian'\nstrict_kex = 'safe'\n\
             client_versions = ['*', '!bad*']\ncompression = 'none'\n\
             pubkey_accepted_algorithms = '-ecdsa*'\nrequired_rsa_size = 2048\n\
             window_bytes_max = '1M'\nwindow_budget_bytes = '3M'\n\
             file_cache = 'drop'\nwrite_behind_bytes = '4M'\n\
             write_behind_from_bytes = '5M'\n\
             max_startups = '1:2:3'\nper_source_max_startups = 4\n\
             per_source_max_connections = 5\nper_source_net_block_size = '24:56'\n\
             per_source_penalties = ['min:3s', 'overflow6:deny-all']\n\
             per_source_penalty_exempt_list = '192.0.2.1'\nper_user_max_connections = 6\n\
             per_user_max_sessions = 7\nallow_addresses = ['192.0.2.2']\n\
             deny_addresses = ['192.0.2.3']\nproxy_protocol_from = ['2001:db8::/32']\n",
        );
        let only =
            |address: &str| Networks::new(vec![crate::auth::parse_network(address).unwrap()]);
        let expected = AdmissionRules {
            allow: only("192.0.2.2"),
            deny: only("192.0.2.3"),
            startups: "1:2:3".parse().unwrap(),
            net_blocks: "24:56".parse().unwrap(),
            startups_per_source_max: Some(4),
            connections_per_source_max: Some(5),
            connections_per_user_max: Some(6),
            sessions_per_user_max: Some(7),
            penalties: Some(PenaltyRules {
                min_ms: 3_000,
                overflow6: Overflow::DenyAll,
                ..PenaltyRules::default()
            }),
            penalty_exempt: only("192.0.2.1"),
            proxies: only("2001:db8::/32"),
        };
        assert_eq!(settings.admission, expected);
        let write_behind = WriteBehind { piece_bytes: 4 << 20, from_bytes: 5 << 20 };
        assert_eq!(settings.pages.write_behind, write_behind);
        assert!(settings.pages.drop_behind);
        let ssh = &settings.ssh;
        assert_eq!(settings.listen, ["[::1]:7".parse().unwrap()]);
        assert!(settings.driver == DriverChoice::Poll);
        assert_eq!((settings.shards, settings.connections_max), (3, 11));
        assert_eq!(settings.crypto_threads, CryptoThreads::Fixed(5));
        assert_eq!((ssh.max_auth_tries, ssh.keepalive_count_max, ssh.channels_max), (2, 8, 9));
        assert_eq!(ssh.auth_timeout, Some(Duration::from_secs(5)));
        assert_eq!(ssh.keepalive_interval, Some(Duration::from_secs(7)));
        assert_eq!(settings.idle_timeout, Some(Duration::from_secs(13)));
        assert_eq!((ssh.window_bytes, ssh.window_bytes_max), (1 << 20, 1 << 20));
        assert_eq!(ssh.window_budget.bytes_max(), 3 << 20);
        assert_eq!(made("").ssh.window_bytes, 2 << 20);
        assert_eq!(ssh.transport.rekey_bytes, Some(1 << 20));
        assert_eq!(ssh.transport.ciphers, ["aes128-gcm@openssh.com"]);
        assert_eq!(ssh.transport.macs, ["hmac-sha2-512"]);
        assert_eq!(ssh.transport.kexes, ["ecdh-sha2-nistp256"]);
        assert_eq!(ssh.transport.rsa_bits_min, 2048);
        let transport = &ssh.transport;
        assert_eq!(transport.rekey_interval, Some(Duration::from_secs(3_600)));
        assert_eq!(transport.ident_timeout, Duration::from_secs(3));
        assert_eq!(transport.kex_timeout, Duration::from_secs(4));
        assert_eq!(
            (transport.software_version.as_str(), transport.comment.as_str()),
            ("x_1", "Debian")
        );
        assert_eq!(transport.peer_versions, ["*", "!bad*"]);
        assert_eq!(
            (transport.strict_kex, &transport.compressions[..]),
            (StrictKex::Safe, &["none"][..])
        );
        assert!(!transport.signature_algorithms.iter().any(|name| name.starts_with("ecdsa")));
    }
}

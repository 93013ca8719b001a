//! Certificates of users, lists of what is revoked and security keys, met by a stock OpenSSH
//! client: what must log in carries a file over, and what must not gets no session. The
//! rows that sshd has too hold against it as well (`RINGFERRY_TEST_SUBJECT=sshd`).

#[path = "peer/recipe.rs"]
mod recipe;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use ringferry::auth::Revocations;
use ringferry::crypto::{Certificate, fingerprint_sha256, public_blob_from_line};

use recipe::{AUTHORITY, Recipe, string};
use support::client::{Finished, Running};
use support::files::Scratch;
use support::log::field;
use support::server::{Options, Server, Subject, user_name};
use support::{SOON, skipped, wait_for};

/// What Debian's openssh-tests have instead of a card.
const SK_PROVIDER: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

fn keygen(arguments: &[&str]) {
    let output = Command::new("ssh-keygen").arg("-q").args(arguments).output().expect("ssh-keygen");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A scratch folder with an authority, `user_ca`, and a stranger's, `other_ca`; nobody's key is
/// listed unless `listed` says so, where `CA` stands for the authority's key.
struct Scene {
    server: Server,
    scratch: Scratch,
}

impl Scene {
    fn prepared(listed: &str) -> Scratch {
        let scratch = Scratch::new();
        for name in ["user_ca", "other_ca"] {
            let path = scratch.path(name).display().to_string();
            keygen(&["-t", "ed25519", "-N", "", "-C", name, "-f", &path]);
        }
        let authority = fs::read_to_string(scratch.path("user_ca.pub")).expect("a key");
        let text = listed.replace("CA", authority.trim());
        fs::write(scratch.path("authorized_keys"), text + "\n").expect("authorized_keys");
        scratch
    }

    /// The authority is trusted for everybody.
    fn trusting() -> Scene {
        Scene::with(Scene::prepared("# nobody"), Vec::new())
    }

    fn with(scratch: Scratch, more: Vec<(&'static str, String)>) -> Scene {
        let authority = scratch.path("user_ca.pub").display().to_string();
        let mut settings = vec![("trusted_user_ca_keys", authority)];
        settings.extend(more);
        let options = Options { settings, ..Options::default() };
        Scene { server: Server::start_with(&scratch, &options), scratch }
    }

    /// The authority is trusted by a line of the user's.
    fn listing(options: &str) -> Scene {
        let scratch = Scene::prepared(&format!("{options} CA"));
        Scene { server: Server::start(&scratch), scratch }
    }

    /// A certificate of `authority` for the client's key, made by ssh-keygen with `arguments`.
    fn certify(&self, name: &str, authority: &str, arguments: &[&str]) -> PathBuf {
        certify(&self.scratch, name, authority, "client_key", arguments)
    }

    /// One that ssh-keygen would not make: the recipe is of the authority with this seed.
    fn cook(&self, name: &str, recipe: &Recipe) -> PathBuf {
        let line = fs::read_to_string(self.scratch.path("client_key.pub")).expect("a key");
        let blob = public_blob_from_line(&line).expect("a key");
        let recipe = Recipe { key: blob[15..].to_vec(), ..recipe.clone() };
        let (raw, path) = (self.scratch.path("raw"), format!("{name}-cert.pub"));
        fs::write(&raw, recipe.blob()).expect("write");
        let encoded = Command::new("base64").arg("-w0").arg(raw).output().expect("base64");
        let encoded = String::from_utf8(encoded.stdout).expect("base64");
        let path = self.scratch.path(&path);
        fs::write(&path, format!("{} {encoded} made by hand\n", recipe.key_type)).expect("write");
        path
    }

    /// An attempt to carry a file over with this certificate, and whether the file is there.
    fn put(&self, certificate: Option<&PathBuf>, options: &[&str]) -> (Finished, bool) {
        let (name, source) = ("carried", self.scratch.path("client_key.pub"));
        let _ = fs::remove_file(self.scratch.served(name));
        let certificate = certificate.map(|path| format!("CertificateFile={}", path.display()));
        let mut extra = vec![];
        if let Some(certificate) = &certificate {
            extra.extend(["-o", certificate]);
        }
        extra.extend_from_slice(options);
        let batch = format!("put {} {name}\n", source.display());
        let finished = self.server.sftp(&extra, &batch, SOON);
        let carried = fs::read(self.scratch.served(name)).ok();
        let carried = carried.is_some_and(|bytes| bytes == fs::read(source).expect("a file"));
        (finished, carried)
    }

    fn expect(&self, what: &str, certificate: &PathBuf, good: bool) {
        let (finished, carried) = self.put(Some(certificate), &[]);
        let seen = (finished.code == Some(0), carried);
        assert_eq!(seen, (good, good), "{what}: {}\n{}", finished.output(), self.server.log.tail());
    }

    fn sessions(&self) -> usize {
        let lines = self.server.log.lines();
        lines.iter().filter(|line| line.contains("sftp session opened")).count()
    }
}

/// A certificate for `key`: the file in which ssh-keygen puts it.
fn certify(
    scratch: &Scratch,
    name: &str,
    authority: &str,
    key: &str,
    arguments: &[&str],
) -> PathBuf {
    let public = scratch.path(&format!("{name}.pub"));
    if name != key {
        fs::copy(scratch.path(&format!("{key}.pub")), &public).expect("copy");
    }
    let authority = scratch.path(authority).display().to_string();
    let public = public.display().to_string();
    let fixed = ["-s", &authority, "-I", name, "-z", "7"];
    keygen(&[&fixed[..], arguments, &[&public]].concat());
    scratch.path(&format!("{name}-cert.pub"))
}

#[test]
fn a_certificate_of_a_trusted_authority_logs_in_whom_it_names() {
    let scene = Scene::trusting();
    let user = user_name();
    let own = ["-n", &user];
    let several = format!("somebody,{user}");
    let (before, after) = ("20200101000000Z", "20210101000000Z");
    let past = format!("{before}:{after}");
    let rows: &[(&str, &str, &[&str], bool)] = &[
        ("good", "user_ca", &own, true),
        ("one_of_several", "user_ca", &["-n", &several], true),
        ("from_here", "user_ca", &["-n", &user, "-O", "source-address=127.0.0.0/8"], true),
        ("only_sftp", "user_ca", &["-n", &user, "-O", "force-command=internal-sftp"], true),
        ("extension", "user_ca", &["-n", &user, "-O", "extension:x@y=z"], true),
        ("other_authority", "other_ca", &own, false),
        ("own_authority", "client_key", &own, false),
        ("other_principal", "user_ca", &["-n", "somebody"], false),
        ("pattern", "user_ca", &["-n", "*"], false),
        ("nobody", "user_ca", &[], false),
        ("expired", "user_ca", &["-n", &user, "-V", &past], false),
        ("not_yet", "user_ca", &["-n", &user, "-V", "+1d:+2d"], false),
        ("of_a_host", "user_ca", &["-h", "-n", &user], false),
        ("unknown", "user_ca", &["-n", &user, "-O", "critical:x@y=z"], false),
        ("from_elsewhere", "user_ca", &["-n", &user, "-O", "source-address=10.0.0.0/8"], false),
    ];
    for (name, authority, arguments, good) in rows {
        scene.expect(name, &scene.certify(name, authority, arguments), *good);
    }
    let (finished, _) = scene.put(None, &[]);
    assert_ne!(finished.code, Some(0), "the key alone is nobody's");
    if scene.server.subject == Subject::Ringferry {
        // sshd would run it, and the upload would fail all the same.
        let arguments = ["-n", &user, "-O", "force-command=/bin/true"];
        scene.expect("command", &scene.certify("command", "user_ca", &arguments), false);
        assert_eq!(scene.sessions(), rows.iter().filter(|row| row.3).count());
        let line = scene.server.log.wait_line(SOON, |line| line.contains(" authenticated "));
        let key = fs::read_to_string(scene.scratch.path("client_key.pub")).expect("a key");
        let fingerprint = fingerprint_sha256(&public_blob_from_line(&key).expect("a key"));
        assert_eq!(field(&line, "key"), Some(fingerprint.as_str()), "{line}");
        assert!(line.contains("good") && line.contains("serial 7 of SHA256:"), "{line}");
    }
}

/// Made by hand: ssh-keygen takes names apart at commas.
#[test]
fn commit_openssh_10_3_a_comma_in_a_principal_names_nobody() {
    let scratch = Scene::prepared("# nobody");
    let line = ssh_key::PublicKey::from_bytes(&recipe::public_blob(AUTHORITY)).expect("a key");
    let line = line.to_openssh().expect("a line");
    fs::write(scratch.path("user_ca.pub"), format!("{line}\n")).expect("write");
    fs::write(scratch.path("authorized_keys"), format!("cert-authority {line}\n")).expect("write");
    let scene = Scene::with(scratch, Vec::new());
    let user: &'static str = user_name().leak();
    let named = |name| Recipe { principals: vec![name], ..Recipe::new() };
    scene.expect("plain", &scene.cook("plain", &named(user)), true);
    let comma: &'static str = format!("{user},other").leak();
    scene.expect("comma", &scene.cook("comma", &named(comma)), false);
    let twice = vec![("source-address", string(b"127.0.0.0/8")); 2];
    let twice = Recipe { critical: twice, ..named(user) };
    scene.expect("twice", &scene.cook("twice", &twice), false);
}

#[test]
fn a_line_with_cert_authority_trusts_for_its_user() {
    let user = user_name();
    let own: &[&str] = &["-n", &user];
    for (options, arguments, good) in [
        ("cert-authority", own, true),
        ("CERT-AUTHORITY,restrict", own, true),
        ("cert-authority", &["-n", "ops"], false),
        ("cert-authority,principals=\"ops,dev\"", &["-n", "ops"], true),
        ("cert-authority,principals=\"ops,dev\"", own, false),
        ("cert-authority,from=\"10.0.0.0/8\"", own, false),
        ("cert-authority,from=\"127.0.0.1\"", own, true),
        ("cert-authority,expiry-time=\"20200101\"", own, false),
        // Without the option it is a key of the user's, and signs nothing.
        ("restrict", own, false),
    ] {
        let scene = Scene::listing(options);
        scene.expect(options, &scene.certify("cert", "user_ca", arguments), good);
    }
}

/// An agent holds the key and the certificate; the client has no file but the public ones.
#[test]
fn an_agent_logs_in_with_a_certificate() {
    let scene = Scene::trusting();
    let user = user_name();
    scene.certify("client_key", "user_ca", &["-n", &user]);
    let agent = Agent::start(&scene.scratch);
    agent.add(&scene.scratch.path("client_key"));
    let socket = format!("IdentityAgent={}", agent.socket.display());
    let options = ["-F", "none", "-o", &socket, "-o", "IdentitiesOnly=no", "-o", "BatchMode=yes"];
    let known = format!("UserKnownHostsFile={}", scene.server.known_hosts.display());
    let mut command = Command::new("sftp");
    command.args(options).args(["-o", &known, "-b", "-", "-P"]);
    command.arg(scene.server.address.port().to_string());
    command.arg(format!("{user}@127.0.0.1"));
    let source = scene.scratch.path("client_key.pub");
    let batch = format!("put {} carried\n", source.display());
    Running::start(command, &batch).wait(SOON).expect_success();
    let carried = fs::read(scene.scratch.served("carried")).expect("the file");
    assert_eq!(carried, fs::read(source).expect("the file"));
}

struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(scratch: &Scratch) -> Agent {
        // The name of a socket has 108 bytes at most, and the scratch folder may lie deep.
        let socket = PathBuf::from(format!("/tmp/ringferry-agent-{}", std::process::id()));
        let _ = fs::remove_file(&socket);
        let log = fs::File::create(scratch.path("agent.log")).expect("log");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).stdout(log);
        let child = command.spawn().expect("ssh-agent starts");
        assert!(wait_for(SOON, || socket.exists().then_some(())).is_some(), "no agent");
        Agent { child, socket }
    }

    fn add(&self, key: &std::path::Path) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket);
        let output = command.output().expect("ssh-add");
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}

/// Every type of key, certified and as the authority.
#[test]
fn every_type_of_key_has_certificates() {
    let scene = Scene::trusting();
    let user = user_name();
    for (kind, bits) in
        [("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("ed25519", "256")]
    {
        let name = format!("{kind}_{bits}");
        let path = scene.scratch.path(&name).display().to_string();
        keygen(&["-t", kind, "-b", bits, "-N", "", "-f", &path]);
        certify(&scene.scratch, &name, "user_ca", &name, &["-n", &user]);
        // The first key that is named is tried first, with the certificate beside it.
        let identity = format!("IdentityFile={path}");
        let (finished, carried) = scene.put(None, &["-o", &identity]);
        assert!(carried, "{name}: {}\n{}", finished.output(), scene.server.log.tail());
    }
    let list: Vec<_> = ["rsa_3072", "ecdsa_521"]
        .into_iter()
        .map(|authority| scene.certify(&format!("by_{authority}"), authority, &["-n", &user]))
        .collect();
    let both = ["rsa_3072.pub", "ecdsa_521.pub"].map(|name| scene.scratch.path(name));
    let text: String = both.iter().map(|path| fs::read_to_string(path).expect("a key")).collect();
    fs::write(scene.scratch.path("user_ca.pub"), text).expect("write");
    drop(scene.server);
    let scene = Scene::with(scene.scratch, Vec::new());
    for certificate in list {
        scene.expect("by another type", &certificate, true);
    }
}

/// An authority's key has to be as long as everybody's, and SHA-1 is no signature.
#[test]
fn a_weak_authority_certifies_nobody() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("RequiredRSASize is not told to sshd here");
    }
    let scratch = Scene::prepared("# nobody");
    let user = user_name();
    let path = scratch.path("short_ca").display().to_string();
    keygen(&["-t", "rsa", "-b", "2048", "-N", "", "-f", &path]);
    let short = fs::read_to_string(scratch.path("short_ca.pub")).expect("a key");
    fs::write(scratch.path("user_ca.pub"), short).expect("write");
    let sign = |scratch: &Scratch, name, kind| {
        certify(scratch, name, "short_ca", "client_key", &["-t", kind, "-n", &user])
    };
    let certificates = [sign(&scratch, "sha2", "rsa-sha2-512"), sign(&scratch, "sha1", "ssh-rsa")];
    let scene = Scene::with(scratch, vec![("required_rsa_size", "2048".into())]);
    scene.expect("as long as asked for", &certificates[0], true);
    scene.expect("signed with SHA-1", &certificates[1], false);
    // Of a line a short authority is passed over, as a short key is.
    let line = fs::read_to_string(scene.scratch.path("short_ca.pub")).expect("a key");
    fs::write(scene.scratch.path("authorized_keys"), format!("cert-authority {line}"))
        .expect("write");
    let server = Server::start(&scene.scratch);
    let scene = Scene { server, scratch: scene.scratch };
    scene.expect("shorter than the default", &certificates[0], false);
}

/// As sshd, and nothing else, understands it: ssh-keygen makes the list and says what it revokes.
#[test]
fn what_a_list_of_ssh_keygens_revokes_does_not_log_in() {
    let scratch = Scene::prepared("# nobody");
    let user = user_name();
    let at = |name: &str| scratch.path(name).display().to_string();
    let make = |name: &str, serial: &str, id: &str| {
        let public = at(&format!("{name}.pub"));
        fs::copy(scratch.path("client_key.pub"), &public).expect("copy");
        keygen(&["-s", &at("user_ca"), "-I", id, "-z", serial, "-n", &user, &public]);
        scratch.path(&format!("{name}-cert.pub"))
    };
    let serials = ["1", "2", "3", "10", "15", "20", "21", "100", "5000", "18446744073709551615"];
    let mut certificates: Vec<_> =
        serials.iter().map(|serial| make(&format!("n{serial}"), serial, "some")).collect();
    certificates.push(make("id_gone", "31", "gone"));
    certificates.push(make("unnumbered", "0", "some"));
    fs::copy(scratch.path("stranger_key.pub"), scratch.path("hashed.pub")).expect("copy");
    let spec = "serial: 2\nserial: 10-20\nserial: 100\nserial: 102\nserial: 104\nserial: 106\n\
                serial: 18446744073709551615\nid: gone\n";
    fs::write(scratch.path("spec"), spec).expect("write");
    keygen(&["-k", "-f", &at("krl"), "-s", &at("user_ca.pub"), &at("spec")]);
    let keys = [("sha1", "sha1: "), ("sha256", "sha256: "), ("whole", "key: ")];
    let public = fs::read_to_string(scratch.path("hashed.pub")).expect("a key");
    for (name, what) in keys {
        fs::write(scratch.path(&format!("{name}.spec")), format!("{what}{public}")).expect("write");
        keygen(&["-k", "-f", &at(&format!("{name}.krl")), &at(&format!("{name}.spec"))]);
    }
    let read = |name: &str| {
        let mut revocations = Revocations::default();
        revocations.add(&fs::read(scratch.path(name)).expect("a list")).expect("a list");
        revocations
    };
    let revocations = read("krl");
    let mut counts = [0, 0];
    for path in &certificates {
        let asked = Command::new("ssh-keygen").args(["-Q", "-f", &at("krl")]).arg(path).output();
        let theirs = !asked.expect("ssh-keygen").status.success();
        let line = fs::read_to_string(path).expect("a certificate");
        let blob = Certificate::blob_from_line(&line).expect("a certificate");
        let ours = revocations.has_certificate(&Certificate::from_blob(&blob).expect("good"));
        assert_eq!(ours, theirs, "{}", path.display());
        counts[usize::from(ours)] += 1;
    }
    assert_eq!(counts, [5, 7]);
    let blob = |name: &str| {
        let line = fs::read_to_string(scratch.path(name)).expect("a key");
        public_blob_from_line(&line).expect("a key")
    };
    for (name, _) in keys {
        let revocations = read(&format!("{name}.krl"));
        assert!(revocations.has_key(&blob("hashed.pub")), "{name}");
        assert!(!revocations.has_key(&blob("client_key.pub")), "{name}");
    }
    let list = at("krl");
    let scene = Scene::with(scratch, vec![("revoked_keys", list)]);
    for (name, good) in [("n1", true), ("n2", false), ("n15", false), ("id_gone", false)] {
        let certificate = scene.scratch.path(&format!("{name}-cert.pub"));
        scene.expect(name, &certificate, good);
    }
}

/// A plain key, a certified one and an authority, by a list of public keys.
#[test]
fn a_revoked_key_logs_in_neither_alone_nor_certified() {
    let user = user_name();
    for (revoked, alone, certified) in [
        (Some("client_key.pub"), false, false),
        (Some("user_ca.pub"), true, false),
        (Some("other_ca.pub"), true, true),
        (None, true, true),
    ] {
        let scratch = Scene::prepared("# nobody");
        let list = scratch.path("revoked").display().to_string();
        let text = revoked.map(|name| fs::read_to_string(scratch.path(name)).expect("a key"));
        fs::write(&list, text.unwrap_or_default()).expect("write");
        fs::copy(scratch.path("client_key.pub"), scratch.path("authorized_keys")).expect("copy");
        let scene = Scene::with(scratch, vec![("revoked_keys", list)]);
        let (finished, carried) = scene.put(None, &[]);
        assert_eq!(carried, alone, "{revoked:?} {}", finished.output());
        // Without the key's own line.
        fs::write(scene.scratch.path("authorized_keys"), "# nobody\n").expect("write");
        drop(scene.server);
        let list = scene.scratch.path("revoked").display().to_string();
        let scene = Scene::with(scene.scratch, vec![("revoked_keys", list)]);
        let certificate = scene.certify("cert", "user_ca", &["-n", &user]);
        scene.expect("certified", &certificate, certified);
    }
}

/// The principals of a users file, and an authority that only one of the users trusts.
#[test]
fn users_of_a_users_file_have_principals_and_authorities_of_their_own() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("the users file is ours");
    }
    let scratch = Scene::prepared("# nobody");
    let root = scratch.root().display().to_string();
    let other = fs::read_to_string(scratch.path("other_ca.pub")).expect("a key");
    let text = format!(
        "[users.ann]\nroot = '{root}'\nprincipals = ['ops', 'ann@example.org']\n\
         [users.bob]\nroot = '{root}'\nauthorized_keys = ['cert-authority {}']\n",
        other.trim()
    );
    let users_file = scratch.path("users.toml");
    fs::write(&users_file, text).expect("the users file");
    fs::set_permissions(&users_file, fs::Permissions::from_mode(0o600)).expect("chmod");
    let authority = scratch.path("user_ca.pub").display().to_string();
    let settings = vec![("trusted_user_ca_keys", authority)];
    let options = Options { users_file: Some(users_file), settings, ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let mut scene = Scene { server, scratch };
    for (user, authority, principal, good) in [
        ("ann", "user_ca", "ops", true),
        ("ann", "user_ca", "ann@example.org", true),
        ("ann", "user_ca", "ann", false),
        ("ann", "other_ca", "ops", false),
        ("bob", "user_ca", "bob", true),
        ("bob", "other_ca", "bob", true),
        ("bob", "other_ca", "ops", false),
        ("carol", "user_ca", "carol", false),
    ] {
        let certificate = scene.certify("cert", authority, &["-n", principal]);
        let key = scene.scratch.path("client_key");
        scene.server.log_in_as(user, key);
        scene.expect(&format!("{user} {authority} {principal}"), &certificate, good);
    }
}

/// OpenSSH's own stand-in for a card signs, touched or not, as its key says.
#[test]
fn security_keys_log_in_if_they_are_touched() {
    if !std::path::Path::new(SK_PROVIDER).exists() {
        return skipped("no openssh-tests");
    }
    let scratch = Scene::prepared("# nobody");
    let user = user_name();
    let provider = format!("SecurityKeyProvider={SK_PROVIDER}");
    let mut lines = String::new();
    for (name, kind, flag, options) in [
        ("touched", "ed25519-sk", None, ""),
        ("touched_p256", "ecdsa-sk", None, ""),
        ("untouched", "ed25519-sk", Some("no-touch-required"), ""),
        ("waived", "ed25519-sk", Some("no-touch-required"), "no-touch-required "),
        ("waived_p256", "ecdsa-sk", Some("no-touch-required"), "no-touch-required "),
        ("unverified", "ed25519-sk", None, "verify-required "),
        ("certified", "ed25519-sk", None, "#"),
        ("certified_p256", "ecdsa-sk", None, "#"),
        ("certified_untouched", "ed25519-sk", Some("no-touch-required"), "#"),
        ("certified_waived", "ed25519-sk", Some("no-touch-required"), "#"),
    ] {
        let path = scratch.path(name).display().to_string();
        let mut arguments = vec!["-t", kind, "-w", SK_PROVIDER, "-N", "", "-f", &path];
        flag.iter().for_each(|flag| arguments.extend(["-O", flag]));
        keygen(&arguments);
        let public = fs::read_to_string(scratch.path(&format!("{name}.pub"))).expect("a key");
        lines.push_str(&format!("{options}{public}"));
        if name.starts_with("certified") {
            let waives = if name.ends_with("waived") { "no-touch-required" } else { "permit-pty" };
            certify(&scratch, name, "user_ca", name, &["-n", &user, "-O", waives]);
        }
    }
    fs::write(scratch.path("authorized_keys"), lines).expect("write");
    let scene = Scene::with(scratch, Vec::new());
    for (name, good) in [
        ("touched", true),
        ("touched_p256", true),
        ("untouched", false),
        ("waived", true),
        ("waived_p256", true),
        ("unverified", false),
        ("certified", true),
        ("certified_p256", true),
        ("certified_untouched", false),
        ("certified_waived", true),
    ] {
        let identity = format!("IdentityFile={}", scene.scratch.path(name).display());
        let (finished, carried) = scene.put(None, &["-o", &identity, "-o", &provider]);
        assert_eq!(carried, good, "{name}: {}\n{}", finished.output(), scene.server.log.tail());
    }
}

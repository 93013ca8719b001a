//! `ringferry sftp-server`: SFTP on stdin and stdout, for sshd's `Subsystem sftp`.
//!
//! Flags are those of OpenSSH's sftp-server, so that a line of sshd_config keeps its meaning. The
//! whole host is served with the rights of whoever runs it; sshd has decided who that is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::accounts::{Account, Quota};
use super::config::read::octal_digits;
use super::failure::Failure;
use super::invoker::{Invoker, invoker};
use super::{log, umask};
use crate::reactor::fs::Links;
use crate::server::{Names, serve_stdio};
use crate::vfs::{Access, RequestFilter};

/// The flags; their names are sftp-server(8)'s.
#[derive(Args, Debug)]
pub(crate) struct SftpServerArguments {
    /// Refuse every request that would change something
    #[arg(short = 'R')]
    read_only: bool,
    /// Where relative paths start; %d is the user's home, %u his name [default: the working folder]
    #[arg(short = 'd', value_name = "START_DIR")]
    start: Option<OsString>,
    /// Permission bits taken off what is made, in octal [default: the process's umask]
    #[arg(short = 'u', value_name = "UMASK")]
    umask: Option<String>,
    /// The mode of every file that is made, in octal, whatever the client asks for
    #[arg(short = 'm', value_name = "FORCE_FILE_PERMS")]
    file_mode: Option<String>,
    /// Requests to refuse, parted by commas
    #[arg(short = 'P', value_name = "DENIED_REQUESTS")]
    denied: Option<String>,
    /// The only requests to serve, parted by commas
    #[arg(short = 'p', value_name = "ALLOWED_REQUESTS")]
    allowed: Option<String>,
    /// Print the names of what can be asked about: requests
    #[arg(short = 'Q', value_name = "PROTOCOL_FEATURE")]
    query: Option<String>,
    /// Log to stderr; without it nothing is logged
    #[arg(short = 'e')]
    log_to_stderr: bool,
    /// The least severe events that are logged: QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG, DEBUG1,
    /// DEBUG2 or DEBUG3 [default: ERROR]
    #[arg(short = 'l', value_name = "LOG_LEVEL")]
    level: Option<String>,
    /// Refused: there is no log of the system's to choose a part of
    #[arg(short = 'f', value_name = "LOG_FACILITY")]
    facility: Option<String>,
    /// `scp -D` calls its server as it would ssh, with a host and a subsystem at the end; as in
    /// OpenSSH's nobody looks at them.
    #[arg(hide = true)]
    ignored: Vec<OsString>,
}

/// OpenSSH's levels, and ours.
const LEVELS: &[(&str, &str)] = &[
    ("QUIET", "off"),
    ("FATAL", "error"),
    ("ERROR", "error"),
    ("INFO", "info"),
    ("VERBOSE", "info"),
    ("DEBUG", "debug"),
    ("DEBUG1", "debug"),
    ("DEBUG2", "trace"),
    ("DEBUG3", "trace"),
];

/// What `-Q requests` prints, where that is asked.
pub(crate) fn answer(arguments: &SftpServerArguments) -> Result<Option<String>, Failure> {
    match arguments.query.as_deref() {
        None => Ok(None),
        Some("requests") => {
            Ok(Some(RequestFilter::names().map(|name| format!("{name}\n")).collect()))
        }
        Some(other) => Err(mistake("-Q", other, "the only thing to ask about is: requests")),
    }
}

/// Serves until the client closes its end.
pub(crate) fn serve(arguments: &SftpServerArguments) -> Result<(), Failure> {
    if let Some(facility) = &arguments.facility {
        let cure = "leave it out; -e logs to stderr";
        return Err(mistake("-f", facility, "there is no logging to syslog here").cure(cure));
    }
    let level = level(arguments.level.as_deref().unwrap_or("ERROR"))?;
    if arguments.log_to_stderr {
        log::start(level, "text")?;
    } else {
        // sshd hands stderr to the client, who would take it for something to show.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let invoker = invoker();
    let mut access = access(arguments, umask::take())?;
    umask::settle([&mut access]);
    let start = start(arguments.start.as_deref(), &invoker)?;
    let account = account(access, start, &invoker);
    let (profile, _) = account.profile(None)?;
    let served = serve_stdio(profile, &Names::of_this_host(), &invoker.name);
    match served {
        Err(_) if !arguments.log_to_stderr => Err(Failure::silent()),
        served => served.map_err(|error| Failure::runtime(error.to_string())),
    }
}

/// The whole host, for whoever runs this.
fn account(mut access: Access, start: Vec<u8>, invoker: &Invoker) -> Account {
    access.home = start;
    Account {
        name: invoker.name.clone(),
        mounts: vec![("/".to_owned(), PathBuf::from("/"))],
        links: Links::Follow,
        access,
        quota: Quota::default(),
    }
}

/// What the flags permit.
fn access(arguments: &SftpServerArguments, own_umask: u32) -> Result<Access, Failure> {
    let mut access = Access::unrestricted();
    access.read_only = arguments.read_only;
    access.umask = octal("-u", arguments.umask.as_deref())?.unwrap_or(own_umask);
    access.file_mode = octal("-m", arguments.file_mode.as_deref())?;
    access.requests = requests(arguments.denied.as_deref(), arguments.allowed.as_deref())?;
    Ok(access)
}

fn octal(flag: &str, text: Option<&str>) -> Result<Option<u32>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match octal_digits(text, 0o777) {
        Some(bits) => Ok(Some(bits)),
        None => Err(mistake(flag, text, "it takes octal digits up to 0777")),
    }
}

fn requests(denied: Option<&str>, allowed: Option<&str>) -> Result<RequestFilter, Failure> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let (denied, allowed) = (denied.map(list).unwrap_or_default(), allowed.map(list));
    RequestFilter::new(&denied, allowed.as_deref()).map_err(|unknown| {
        Failure::configuration(format!("sftp-server: {unknown}"))
            .cure("`ringferry sftp-server -Q requests` prints them all")
    })
}

fn level(name: &str) -> Result<&'static str, Failure> {
    let found = LEVELS.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    found.map(|(_, ours)| *ours).ok_or_else(|| {
        let names: Vec<_> = LEVELS.iter().map(|(theirs, _)| *theirs).collect();
        mistake("-l", name, &format!("it takes one of {}", names.join(", ")))
    })
}

fn mistake(flag: &str, value: &str, what: &str) -> Failure {
    Failure::configuration(format!("sftp-server {flag} {value}: {what}"))
}

/// The folder relative paths start at, as clients see it: the host's own path of it. One that is
/// not there is no failure, as in OpenSSH: the working folder stands in.
fn start(folder: Option<&OsStr>, invoker: &Invoker) -> Result<Vec<u8>, Failure> {
    let named = folder.map(|folder| expand(folder.as_bytes(), invoker)).transpose()?;
    let found = named.map(|named| {
        let path = PathBuf::from(OsString::from_vec(named));
        let found = std::fs::canonicalize(&path);
        let found = found.and_then(|path| std::fs::metadata(&path).map(|it| (path, it.is_dir())));
        match found {
            Ok((path, true)) => Some(path),
            Ok((_, false)) => warn_of_start(&path, "it is not a folder"),
            Err(error) => warn_of_start(&path, &error.to_string()),
        }
    });
    let working = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    Ok(found.flatten().unwrap_or_else(working).into_os_string().into_vec())
}

fn warn_of_start(path: &Path, what: &str) -> Option<PathBuf> {
    tracing::error!("-d {}: {what}; relative paths start at the working folder", path.display());
    None
}

/// `%d` for the home of the user, `%u` for his name, `%%` for a percent sign.
fn expand(text: &[u8], invoker: &Invoker) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let home = invoker.home.as_deref();
        match (byte, (byte == b'%').then(|| bytes.next()).flatten(), home) {
            (b'%', Some(b'%'), _) => out.push(b'%'),
            (b'%', Some(b'u'), _) => out.extend_from_slice(invoker.name.as_bytes()),
            (b'%', Some(b'd'), Some(home)) => out.extend_from_slice(home.as_os_str().as_bytes()),
            (b'%', Some(b'd'), None) => {
                let shown = text.escape_ascii().to_string();
                return Err(mistake("-d", &shown, "the user has no home for %d"));
            }
            (b'%', ..) => {
                let shown = text.escape_ascii().to_string();
                return Err(mistake("-d", &shown, "only %d, %u and %% stand for something"));
            }
            (plain, ..) => out.push(plain),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SftpServerArguments,
    }

    fn arguments(words: &[&str]) -> SftpServerArguments {
        Line::parse_from(std::iter::once(&"sftp-server").chain(words)).arguments
    }

    fn ann() -> Invoker {
        Invoker { name: "ann".to_owned(), home: Some("/home/ann".into()) }
    }

    #[test]
    fn flags_mean_what_they_do_in_openssh() {
        let access = |words: &[&str]| access(&arguments(words), 0o22).unwrap();
        let usual = access(&[]);
        assert_eq!((usual.read_only, usual.umask, usual.file_mode), (false, 0o22, None));
        assert_eq!(usual.requests, RequestFilter::default());
        let set = access(&["-R", "-u", "077", "-m", "0640", "-P", "remove,posix-rename", "-e"]);
        assert_eq!((set.read_only, set.umask, set.file_mode), (true, 0o77, Some(0o640)));
        let denied = RequestFilter::new(&["remove", "posix-rename@openssh.com"], None).unwrap();
        assert_eq!(set.requests, denied);
        let allowed = access(&["-p", "realpath,open,read,close", "-P", ""]);
        assert!(!allowed.requests.permits_extension("fsync@openssh.com"));
        let attached = access(&["-u027"]);
        assert_eq!(attached.umask, 0o27);
    }

    #[test]
    fn mistakes_name_what_was_given() {
        for (words, expected) in [
            (["-u", "8"], "sftp-server -u 8: it takes octal digits up to 0777"),
            (["-u", "1777"], "sftp-server -u 1777: it takes octal digits up to 0777"),
            (["-m", ""], "sftp-server -m : it takes octal digits up to 0777"),
            (["-P", "remove,fly"], "sftp-server: there is no request \"fly\""),
            (["-p", "fly"], "sftp-server: there is no request \"fly\""),
        ] {
            let failure = access(&arguments(&words), 0).unwrap_err();
            assert_eq!((failure.exit_code, failure.causes[0].as_str()), (2, expected));
        }
        let failure = level("LOUD").unwrap_err();
        assert!(failure.causes[0].starts_with("sftp-server -l LOUD: it takes one of QUIET, FATAL"));
        assert_eq!(level("debug3").unwrap(), "trace");
        assert_eq!(level("VERBOSE").unwrap(), "info");
        let failure = serve(&arguments(&["-f", "AUTH"])).unwrap_err();
        assert!(failure.causes[0].contains("-f AUTH: there is no logging to syslog"));
    }

    #[test]
    fn the_requests_can_be_asked_for() {
        let answer = |words: &[&str]| answer(&arguments(words));
        assert_eq!(answer(&[]).unwrap(), None);
        let names = answer(&["-Q", "requests"]).unwrap().unwrap();
        assert!(names.starts_with("open\nclose\n") && names.contains("\nposix-rename\n"));
        assert!(answer(&["-Q", "ciphers"]).unwrap_err().causes[0].contains("-Q ciphers: "));
    }

    #[test]
    fn the_start_folder_has_tokens_and_may_be_missing() {
        let expanded = |text: &str| expand(text.as_bytes(), &ann()).map(|it| it.len());
        assert_eq!(expand(b"%d/%u/100%%", &ann()).unwrap(), b"/home/ann/ann/100%");
        for wrong in ["%", "%x", "a%"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
        let nobody = Invoker { name: "x".to_owned(), home: None };
        assert!(expand(b"%d", &nobody).is_err());
        let working = std::env::current_dir().unwrap().into_os_string().into_vec();
        assert_eq!(start(None, &ann()).unwrap(), working);
        assert_eq!(start(Some(OsStr::new("/no/such/folder")), &ann()).unwrap(), working);
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        assert_eq!(start(Some(link.as_os_str()), &ann()).unwrap(), b"/");
    }

    #[test]
    fn the_whole_host_is_seen() {
        let account = account(Access::unrestricted(), b"/srv".to_vec(), &ann());
        assert_eq!(account.access.home, b"/srv");
        assert_eq!(account.mounts, [("/".to_owned(), PathBuf::from("/"))]);
        assert!(account.profile(None).is_ok());
    }
}

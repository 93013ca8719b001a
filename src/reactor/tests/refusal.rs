//! Hosts that refuse: io_uring forbidden, descriptors used up.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketType, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::child::in_child;
use super::*;

/// Makes io_uring_setup fail with `errno` on this thread, as a container's profile does.
fn forbid_io_uring(errno: u16) {
    let statement = |code: u32, jump_true, jump_false, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let number = u32::try_from(libc::SYS_io_uring_setup).unwrap();
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | u32::from(errno)),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: prctl reads its arguments only; `filter` and `program` live until it returns.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter), 0);
    }
}

#[test]
fn a_seccomp_filter_is_named_and_epoll_takes_over() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let body = move || {
            forbid_io_uring(u16::try_from(errno).unwrap());
            let limits = ReactorLimits::default();
            let refused = Reactor::new(DriverChoice::Ring, &limits).err().unwrap().to_string();
            assert!(refused.contains("seccomp") && refused.contains("profile"), "{refused}");
            let mut reactor = Reactor::new(DriverChoice::Auto, &limits).unwrap();
            let info = reactor.describe().clone();
            assert_eq!((info.driver, info.note.as_deref()), ("poll", Some(refused.as_str())));
            let (near, far) = pair();
            reactor.submit(Token(1), receive(&near, pool().small().unwrap(), true));
            reactor.submit(Token(2), send(&far, pool().small().unwrap(), 3));
            collect(&mut reactor, 2);
        };
        // The filter is the thread's alone and goes with it.
        std::thread::spawn(body).join().unwrap();
    }
}

#[test]
fn the_chosen_driver_describes_itself() {
    let limits = ReactorLimits::default();
    let poll = Reactor::new(DriverChoice::Poll, &limits).unwrap();
    assert_eq!((poll.describe().driver, &poll.describe().note), ("poll", &None));
    let auto = Reactor::new(DriverChoice::Auto, &limits).unwrap();
    let info = auto.describe();
    match info.driver {
        "ring" => assert!(info.note.is_none()),
        _ => println!("SKIPPED: {}", info.note.as_ref().expect("a reason")),
    }
    println!("{info:?}");
}

#[test]
fn every_step_of_the_flags_works_here_or_is_refused_as_such() {
    for flags in RingFlags::STEPS {
        match Reactor::with_ring_flags(flags, &ReactorLimits::default()) {
            Ok(mut reactor) => {
                let (near, far) = pair();
                reactor.submit(Token(1), receive(&near, pool().small().unwrap(), true));
                reactor.submit(Token(2), send(&far, pool().small().unwrap(), 3));
                collect(&mut reactor, 2);
            }
            Err(error) => println!("SKIPPED: {flags:?}: {error}"),
        }
    }
}

fn out_of_descriptors(kind: Kind) {
    let Some(mut reactor) = reactor(kind, &ReactorLimits::default()) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!() };
    let client = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();

    // The lowest free number becomes the limit: not one more descriptor.
    let before = getrlimit(Resource::Nofile);
    let lowest = File::open("/dev/null").unwrap().as_raw_fd();
    let current = Some(u64::try_from(lowest).unwrap());
    setrlimit(Resource::Nofile, Rlimit { current, ..before }).unwrap();
    assert!(File::open("/dev/null").is_err(), "the limit is in force");
    // After the limit: the ring reads it when the accept is armed, not when it accepts.
    let accept = reactor.submit(Token(1), Op::Accept { listener: Arc::new(listener.into()) });
    connect(&client, &address).unwrap();
    let refused = one(&mut reactor).done;
    assert!(matches!(refused, Done::Accepted(Err(Errno::MFILE))), "{refused:?}");
    let waits = reactor.statistics().waits;
    let mut out = Vec::new();
    for _ in 0..4 {
        reactor.wait(Some(Instant::now() + Duration::from_millis(100)), &mut out).unwrap();
    }
    assert!(reactor.statistics().waits - waits < 20, "it spun");
    setrlimit(Resource::Nofile, before).unwrap();

    let start = Instant::now();
    while !out.iter().any(|it| matches!(it.done, Done::Accepted(Ok(_)))) {
        out.clear();
        reactor.wait(Some(start + PATIENCE), &mut out).unwrap();
        assert!(!out.is_empty(), "never resumed");
    }
    assert!(start.elapsed() < Duration::from_secs(2), "resumed after {:?}", start.elapsed());
    assert!(reactor.statistics().accepts_rearmed >= 1);
    reactor.cancel(accept);
    let Done::AcceptEnded(None) = one(&mut reactor).done else { panic!() };
}

#[test]
fn an_accept_without_descriptors_pauses_and_resumes() {
    in_child("reactor::tests::refusal::an_accept_without_descriptors_pauses_and_resumes", || {
        for kind in [Kind::Ring, Kind::OldRing, Kind::Poll] {
            out_of_descriptors(kind);
        }
    });
}

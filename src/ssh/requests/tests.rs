//! Every request there and back, cut short and drawn out.

use super::*;

fn every_request() -> Vec<ChannelRequest> {
    let size = WindowSize { columns: 80, rows: 24, width: 640, height: 480 };
    let modes = [(3, 127), (53, 1)].into_iter().collect();
    vec![
        ChannelRequest::Subsystem { name: "sftp".into() },
        ChannelRequest::Exec { command: b"scp -t \xff".to_vec() },
        ChannelRequest::Shell,
        ChannelRequest::Pty { term: "xterm".into(), size, modes },
        ChannelRequest::X11 {
            single_connection: true,
            protocol: "MIT-MAGIC-COOKIE-1".into(),
            cookie: X11Cookie(Zeroizing::new("00ff".into())),
            screen: 7,
        },
        ChannelRequest::AuthAgent,
        ChannelRequest::Env { name: "LANG".into(), value: b"C.UTF-8".to_vec() },
        ChannelRequest::WindowChange(size),
        ChannelRequest::Signal { name: "TERM".into() },
        ChannelRequest::Break { milliseconds: 500 },
        ChannelRequest::XonXoff { client_can_do: true },
        ChannelRequest::ExitStatus(7),
        ChannelRequest::ExitSignal {
            name: "KILL".into(),
            core_dumped: true,
            message: "gone".into(),
        },
        ChannelRequest::EndOfWrite,
    ]
}

/// Those whose data nobody reads.
fn refused_by_name() -> Vec<ChannelRequest> {
    vec![ChannelRequest::WindowProbe, ChannelRequest::Simple, ChannelRequest::Keepalive]
}

fn every_global_request() -> Vec<GlobalRequest> {
    vec![
        GlobalRequest::TcpipForward { address: "localhost".into(), port: 0 },
        GlobalRequest::CancelTcpipForward { address: String::new(), port: u32::MAX },
        GlobalRequest::StreamlocalForward { path: b"/tmp/\xff".to_vec() },
        GlobalRequest::CancelStreamlocalForward { path: b"/tmp/a".to_vec() },
    ]
}

fn encoded(request: &ChannelRequest) -> Vec<u8> {
    let mut data = Vec::new();
    request.encode(&mut data);
    data
}

fn encoded_global(request: &GlobalRequest) -> Vec<u8> {
    let mut data = Vec::new();
    request.encode(&mut data);
    data
}

fn decoded(name: &str, data: &[u8]) -> Result<ChannelRequest, WireError> {
    ChannelRequest::decode(name.as_bytes(), Reader::new(data))
}

fn decoded_global(name: &str, data: &[u8]) -> Result<GlobalRequest, WireError> {
    GlobalRequest::decode(name.as_bytes(), Reader::new(data))
}

#[test]
fn every_request_survives_the_wire() {
    let other = ChannelRequest::Other { name: "a@example.com".into(), data: b"any".to_vec() };
    for request in every_request().into_iter().chain(refused_by_name()).chain([other]) {
        assert_eq!(decoded(request.name(), &encoded(&request)).unwrap(), request);
    }
    let more = [
        GlobalRequest::Keepalive,
        GlobalRequest::NoMoreSessions,
        GlobalRequest::HostKeys { keys: vec![0, 0, 0, 1, 9] },
        GlobalRequest::HostKeysProve { keys: vec![0, 0, 0, 1, 9] },
        GlobalRequest::Other { name: "a@example.com".into(), data: b"any".to_vec() },
    ];
    for request in every_global_request().into_iter().chain(more) {
        assert_eq!(decoded_global(request.name(), &encoded_global(&request)).unwrap(), request);
    }
}

#[test]
fn every_request_cut_at_every_byte_is_an_error() {
    for request in every_request() {
        let data = encoded(&request);
        for cut in 0..data.len() {
            let got = decoded(request.name(), &data[..cut]);
            assert!(got.is_err(), "{request:?} cut at {cut}");
        }
    }
    for request in every_global_request() {
        let data = encoded_global(&request);
        for cut in 0..data.len() {
            let got = decoded_global(request.name(), &data[..cut]);
            assert!(got.is_err(), "{request:?} cut at {cut}");
        }
    }
}

#[test]
fn bytes_after_a_request_are_an_error() {
    for request in every_request() {
        let mut data = encoded(&request);
        data.push(0);
        assert!(decoded(request.name(), &data).is_err(), "{request:?}");
    }
    for request in every_global_request() {
        let mut data = encoded_global(&request);
        data.push(0);
        assert!(decoded_global(request.name(), &data).is_err(), "{request:?}");
    }
}

#[test]
fn the_data_of_a_request_that_is_refused_anyway_is_not_looked_into() {
    for request in refused_by_name() {
        assert_eq!(decoded(request.name(), b"x").unwrap(), request);
    }
    assert_eq!(decoded_global("keepalive@openssh.com", b"x").unwrap(), GlobalRequest::Keepalive);
}

#[test]
fn names_that_are_not_text_name_nothing() {
    let mut data = Vec::new();
    data.put_string(b"sftp\xff");
    let got = decoded("subsystem", &data).unwrap();
    assert_ne!(got, ChannelRequest::Subsystem { name: "sftp".into() });
}

#[test]
fn a_cookie_is_never_shown() {
    for request in every_request() {
        assert!(!format!("{request:?}").contains("00ff"));
    }
}

/// A client decides nothing: what a server may tell it only informs.
#[test]
fn each_role_takes_its_own_requests() {
    for request in every_request().into_iter().chain(refused_by_name()) {
        let both = request == ChannelRequest::EndOfWrite;
        assert_eq!(request.for_server() && request.for_client(), both, "{request:?}");
        assert!(!(request.for_client() && request.needs_verdict()), "{request:?}");
        let nobodys = refused_by_name().contains(&request);
        assert_eq!(request.for_server() || request.for_client(), !nobodys, "{request:?}");
    }
}

//! Every length and every count in every message, in both roles, each with every telling number.

use ringferry::ssh::{Role, numbers};

use super::peer::{
    Field, PASSWORD_FIELDS, Scene, message, message_with, numbers_in, plain, quick_config,
    transport_config,
};
use super::{assert_in_proportion, telling_numbers};
use Field::{Bool, Number, Text};

const ED25519_BLOB: &[u8] =
    b"\0\0\0\x0bssh-ed25519\0\0\0\x20\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\
      \x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
const ED25519_SIGNATURE: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x40\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const KEXINIT: &[Field] = &[
    // The cookie.
    Number(1),
    Number(2),
    Number(3),
    Number(4),
    Text(b"curve25519-sha256,mlkem768x25519-sha256"),
    Text(b"ssh-ed25519"),
    Text(b"aes128-gcm@openssh.com"),
    Text(b"aes128-gcm@openssh.com"),
    Text(b"hmac-sha2-256"),
    Text(b"hmac-sha2-256"),
    Text(b"none"),
    Text(b"none"),
    Text(b""),
    Text(b""),
    Bool(false),
    Number(0),
];

type Case = (u8, &'static [Field]);

const TRANSPORT: &[Case] = &[
    (numbers::DISCONNECT, &[Number(2), Text(b"enough"), Text(b"en")]),
    (numbers::IGNORE, &[Text(b"nothing")]),
    (numbers::UNIMPLEMENTED, &[Number(7)]),
    (numbers::DEBUG, &[Bool(true), Text(b"debug"), Text(b"en")]),
    (numbers::KEXINIT, KEXINIT),
    (numbers::PING, &[Text(b"ping")]),
    (numbers::PONG, &[Text(b"pong")]),
];

const EXT_INFO: Case =
    (numbers::EXT_INFO, &[Number(2), Text(b"server-sig-algs"), Text(b"x"), Text(b"y"), Text(b"")]);

const AUTH_TO_SERVER: &[Case] = &[
    EXT_INFO,
    (numbers::SERVICE_REQUEST, &[Text(b"ssh-userauth")]),
    (numbers::USERAUTH_REQUEST, &[Text(b"alice"), Text(b"ssh-connection"), Text(b"none")]),
    (numbers::USERAUTH_REQUEST, PASSWORD_FIELDS),
    (
        numbers::USERAUTH_REQUEST,
        &[
            Text(b"alice"),
            Text(b"ssh-connection"),
            Text(b"publickey"),
            Bool(true),
            Text(b"ssh-ed25519"),
            Text(ED25519_BLOB),
            Text(ED25519_SIGNATURE),
        ],
    ),
    (
        numbers::USERAUTH_REQUEST,
        &[
            Text(b"alice"),
            Text(b"ssh-connection"),
            Text(b"keyboard-interactive"),
            Text(b"en"),
            Text(b"devices"),
        ],
    ),
    (numbers::USERAUTH_INFO_RESPONSE, &[Number(1), Text(b"answer")]),
];

const AUTH_TO_CLIENT: &[Case] = &[
    EXT_INFO,
    (numbers::SERVICE_ACCEPT, &[Text(b"ssh-userauth")]),
    (numbers::USERAUTH_FAILURE, &[Text(b"publickey,password"), Bool(false)]),
    (numbers::USERAUTH_BANNER, &[Text(b"hello"), Text(b"en")]),
    (numbers::USERAUTH_PK_OK, &[Text(b"ssh-ed25519"), Text(ED25519_BLOB)]),
    (
        numbers::USERAUTH_INFO_REQUEST,
        &[Text(b"name"), Text(b"do"), Text(b"en"), Number(1), Text(b"Token: "), Bool(true)],
    ),
];

const OPEN: &[Case] = &[
    (numbers::CHANNEL_OPEN, &[Text(b"session"), Number(9), Number(1 << 20), Number(1 << 15)]),
    (numbers::CHANNEL_OPEN_CONFIRMATION, &[Number(0), Number(1), Number(1 << 20), Number(9999)]),
    (numbers::CHANNEL_OPEN_FAILURE, &[Number(0), Number(1), Text(b"no"), Text(b"en")]),
    (numbers::CHANNEL_WINDOW_ADJUST, &[Number(0), Number(1000)]),
    (numbers::CHANNEL_DATA, &[Number(0), Text(b"data")]),
    (numbers::CHANNEL_EXTENDED_DATA, &[Number(0), Number(1), Text(b"data")]),
    (numbers::CHANNEL_EOF, &[Number(0)]),
    (numbers::CHANNEL_CLOSE, &[Number(0)]),
    (numbers::CHANNEL_SUCCESS, &[Number(0)]),
    (numbers::CHANNEL_FAILURE, &[Number(0)]),
    (numbers::GLOBAL_REQUEST, &[Text(b"keepalive@openssh.com"), Bool(true)]),
    (numbers::GLOBAL_REQUEST, &[Text(b"tcpip-forward"), Bool(true), Text(b"::"), Number(22)]),
    (numbers::GLOBAL_REQUEST, &[Text(b"hostkeys-00@openssh.com"), Bool(false), Text(ED25519_BLOB)]),
    (numbers::REQUEST_SUCCESS, &[Number(0)]),
    (numbers::REQUEST_FAILURE, &[]),
    request(&[Number(0), Text(b"exec"), Bool(true), Text(b"ls")]),
    request(&[Number(0), Text(b"subsystem"), Bool(true), Text(b"sftp")]),
    request(&[Number(0), Text(b"env"), Bool(true), Text(b"LANG"), Text(b"C")]),
    request(&[Number(0), Text(b"signal"), Bool(false), Text(b"TERM")]),
    request(&[Number(0), Text(b"exit-status"), Bool(false), Number(0)]),
    request(&[
        Number(0),
        Text(b"exit-signal"),
        Bool(false),
        Text(b"KILL"),
        Bool(false),
        Text(b"killed"),
        Text(b"en"),
    ]),
    request(&[
        Number(0),
        Text(b"pty-req"),
        Bool(true),
        Text(b"xterm"),
        Number(80),
        Number(24),
        Number(0),
        Number(0),
        Text(b"\0"),
    ]),
    request(&[
        Number(0),
        Text(b"x11-req"),
        Bool(true),
        Bool(false),
        Text(b"MIT-MAGIC-COOKIE-1"),
        Text(b"00"),
        Number(0),
    ]),
    request(&[
        Number(0),
        Text(b"window-change"),
        Bool(false),
        Number(80),
        Number(24),
        Number(0),
        Number(0),
    ]),
];

const fn request(fields: &'static [Field]) -> Case {
    (numbers::CHANNEL_REQUEST, fields)
}

/// Says each case's message in each of its variants, to a scene that `make` brings to where it
/// belongs whenever the last one is over.
fn vary(cases: &[Case], always_anew: bool, make: impl Fn() -> Scene) {
    let mut scene = make();
    for (number, fields) in cases {
        for at in 0..numbers_in(fields) {
            for value in telling_numbers() {
                if always_anew || scene.ours.is_closed() || scene.peer.is_closed() {
                    scene = make();
                }
                let packet = scene.sealed(&message_with(*number, fields, Some((at, value))));
                let what = format!("message {number}, its number {at} set to {value}");
                assert_in_proportion(&mut scene, &packet, &what);
                scene.run();
            }
        }
    }
}

/// CVE-2024-43410: the length of a packet, before its first byte has come.
#[test]
fn cve_2024_43410_a_packet_length_allocates_nothing() {
    for role in [Role::Server, Role::Client] {
        for value in telling_numbers() {
            let mut scene = Scene::new(role, &quick_config());
            let bytes = [b"SSH-2.0-x\r\n", &value.to_be_bytes()[..]].concat();
            assert_in_proportion(&mut scene, &bytes, &format!("a packet of {value} bytes"));
            // AEAD and encrypt-then-MAC ciphers show the length, and so anybody can change it.
            let mut scene = Scene::logged_in(role, &quick_config());
            assert_in_proportion(&mut scene, &value.to_be_bytes(), &format!("{value} under keys"));
        }
    }
}

/// The first exchange in the clear: KEXINIT and what follows it.
#[test]
fn lengths_in_the_first_exchange_allocate_nothing() {
    let replies: &[(Role, Case)] = &[
        (Role::Server, (numbers::KEX_ECDH_INIT, &[Text(&[9; 32])])),
        (
            Role::Client,
            (
                numbers::KEX_ECDH_REPLY,
                &[Text(ED25519_BLOB), Text(&[9; 32]), Text(ED25519_SIGNATURE)],
            ),
        ),
    ];
    for (role, (number, fields)) in replies {
        let greeting = [b"SSH-2.0-x\r\n", &plain(&message(numbers::KEXINIT, KEXINIT))[..]].concat();
        for value in telling_numbers() {
            for at in 0..numbers_in(KEXINIT) {
                let kexinit = message_with(numbers::KEXINIT, KEXINIT, Some((at, value)));
                let bytes = [b"SSH-2.0-x\r\n", &plain(&kexinit)[..]].concat();
                let mut scene = Scene::new(*role, &quick_config());
                assert_in_proportion(&mut scene, &bytes, &format!("KEXINIT, {at} set to {value}"));
            }
            for at in 0..numbers_in(fields) {
                let second = plain(&message_with(*number, fields, Some((at, value))));
                let mut scene = Scene::new(*role, &transport_config());
                let bytes = [&greeting[..], &second].concat();
                let what = format!("message {number}, {at} set to {value}");
                assert_in_proportion(&mut scene, &bytes, &what);
            }
        }
    }
}

/// Which an unknown peer can send without end.
#[test]
fn lengths_before_the_login_allocate_nothing() {
    let config = quick_config();
    for role in [Role::Server, Role::Client] {
        vary(TRANSPORT, false, || Scene::shaken(role, &config));
    }
    vary(AUTH_TO_SERVER, false, || Scene::in_auth(Role::Server, &config));
    vary(AUTH_TO_CLIENT, false, || Scene::in_auth(Role::Client, &config));
    // EXT_INFO may come right behind NEWKEYS only.
    for role in [Role::Server, Role::Client] {
        vary(&[EXT_INFO], true, || Scene::shaken(role, &config));
    }
}

#[test]
fn lengths_after_the_login_allocate_nothing() {
    let config = quick_config();
    for role in [Role::Server, Role::Client] {
        vary(TRANSPORT, false, || Scene::with_session(role, &config));
        vary(OPEN, false, || Scene::with_session(role, &config));
    }
}

//! What is tried.

use super::*;

/// Those who may come in do, by the same means.
pub(crate) const HONEST: &[Case] = &[
    ("a key and a code", |at| {
        vec![signed(at, "alice", ALICES), ask("alice"), answers(&[&code_of("alice")])]
    }),
    ("a password and a key", |at| vec![right_password("bob"), signed(at, "bob", BOBS)]),
    ("a password", |_| vec![none("carol"), right_password("carol")]),
    ("two keys", |at| vec![signed(at, "dave", DAVES), signed(at, "dave", DAVES_SECOND)]),
    ("a password and a code at once", |_| {
        vec![ask("erin"), answers(&[&password_of("erin"), &code_of("erin")])]
    }),
    ("a certificate and a password", |at| {
        let recipe = Recipe { principals: vec!["grace"], ..Recipe::new() };
        vec![certified(at, "grace", &recipe), right_password("grace")]
    }),
    ("five failures, and a password", |_| {
        let mut said = vec![password("carol", b"wrong"); 5];
        said.push(right_password("carol"));
        said
    }),
];

/// Parts of a chain, in another order or by somebody else.
pub(crate) const CHAINS: &[Case] = &[
    ("a channel after half a chain", |at| vec![signed(at, "alice", ALICES), channel_open()]),
    ("a global request after half a chain", |at| {
        let mut request = vec![numbers::GLOBAL_REQUEST];
        put(&mut request, b"keepalive@openssh.com");
        request.push(1);
        vec![signed(at, "alice", ALICES), request]
    }),
    ("nothing more than the key of a chain", |at| vec![signed(at, "alice", ALICES)]),
    ("nothing more than the password of a chain", |_| vec![right_password("bob")]),
    ("another user after half a chain", |at| {
        vec![right_password("bob"), right_password("carol"), signed(at, "bob", BOBS)]
    }),
    ("a chain of two users", |at| {
        vec![signed(at, "alice", ALICES), ask("erin"), answers(&[&password_of("erin")])]
    }),
    ("a chain begun, and ended in another connection", |at| {
        let mut other = at_the_door(at.users.clone().unwrap());
        other.say(&right_password("bob"));
        assert_eq!(other.login.steps().len(), 1);
        vec![signed(at, "bob", BOBS)]
    }),
    ("a chain from its end", |at| vec![signed(at, "bob", BOBS), right_password("bob")]),
    ("the code of a chain before its key", |at| {
        vec![ask("alice"), answers(&[&code_of("alice")]), signed(at, "alice", ALICES)]
    }),
    ("a password and a code where a key and a code are wanted", |_| {
        vec![ask("alice"), answers(&[&password_of("alice"), &code_of("alice")])]
    }),
    ("a password where a key and a code are wanted", |_| vec![right_password("alice")]),
    ("a password in the place of the code", |at| {
        vec![signed(at, "alice", ALICES), right_password("alice")]
    }),
    ("the answer to be the password where it is the code", |at| {
        vec![signed(at, "alice", ALICES), ask("alice"), answers(&[&password_of("alice")])]
    }),
    ("none after half a chain", |at| vec![signed(at, "alice", ALICES), none("alice")]),
    ("a method that cannot continue", |at| {
        vec![signed(at, "dave", DAVES), ask("dave"), answers(&[&code_of("dave")])]
    }),
    ("one key for two", |at| vec![signed(at, "dave", DAVES), signed(at, "dave", DAVES)]),
    ("one key for two, the second time bound to the host", |at| {
        let mut bound = head("dave", "publickey-hostbound-v00@openssh.com");
        bound.push(1);
        for part in [&b"ssh-ed25519"[..], &public_blob(DAVES), &public_blob(9)] {
            put(&mut bound, part);
        }
        let mut data = string(at.peer.session_id().unwrap());
        data.extend_from_slice(&bound);
        put(&mut bound, &signature(DAVES, &data));
        vec![signed(at, "dave", DAVES), bound]
    }),
    ("the first key's signature said again", |at| {
        let first = signed(at, "dave", DAVES);
        vec![first.clone(), first]
    }),
    ("a second key only asked about", |at| {
        let mut probe = head("dave", "publickey");
        probe.push(0);
        put(&mut probe, b"ssh-ed25519");
        put(&mut probe, &public_blob(DAVES_SECOND));
        vec![signed(at, "dave", DAVES), probe, none("dave")]
    }),
    ("a stranger's key for the second", |at| {
        vec![signed(at, "dave", DAVES), signed(at, "dave", STRANGER)]
    }),
    ("a key past its time in a chain", |at| {
        vec![signed(at, "grace", GRACES_EXPIRED), right_password("grace")]
    }),
    ("a certificate with a command in a chain", |at| {
        let critical = vec![("force-command", string(b"/bin/sh"))];
        let recipe = Recipe { principals: vec!["grace"], critical, ..Recipe::new() };
        vec![certified(at, "grace", &recipe), right_password("grace")]
    }),
    ("a certificate for another in a chain", |at| {
        vec![certified(at, "grace", &Recipe::new()), right_password("grace")]
    }),
    ("a certificate from elsewhere in a chain", |at| {
        let critical = vec![("source-address", string(b"10.0.0.0/8"))];
        let recipe = Recipe { principals: vec!["grace"], critical, ..Recipe::new() };
        vec![certified(at, "grace", &recipe), right_password("grace")]
    }),
    ("the right proof after too many failures in a chain", |at| {
        let mut said = vec![signed(at, "alice", ALICES)];
        said.extend(vec![none("alice"); 6]);
        said.extend([ask("alice"), answers(&[&code_of("alice")])]);
        said
    }),
    ("failures on both sides of a partial success", |at| {
        let mut said = vec![password("bob", b"wrong"); 3];
        said.push(right_password("bob"));
        said.extend(vec![signed(at, "bob", STRANGER); 3]);
        said.push(signed(at, "bob", BOBS));
        said
    }),
    ("the right proof behind 128 requests", |_| {
        let mut service = vec![numbers::SERVICE_REQUEST];
        put(&mut service, b"ssh-userauth");
        let mut said = vec![service; 128];
        said.push(right_password("carol"));
        said
    }),
    ("the service of a session, asked for directly", |_| {
        let mut service = vec![numbers::SERVICE_REQUEST];
        put(&mut service, b"ssh-connection");
        vec![service, channel_open()]
    }),
    ("the service of a session after half a chain", |at| {
        let mut service = vec![numbers::SERVICE_REQUEST];
        put(&mut service, b"ssh-connection");
        vec![signed(at, "alice", ALICES), service, channel_open()]
    }),
    ("USERAUTH_SUCCESS from the client after half a chain", |at| {
        vec![signed(at, "alice", ALICES), vec![numbers::USERAUTH_SUCCESS], channel_open()]
    }),
    ("USERAUTH_FAILURE with partial success from the client", |_| {
        let mut failure = vec![numbers::USERAUTH_FAILURE];
        put(&mut failure, b"password");
        failure.push(1);
        vec![failure, right_password("carol")]
    }),
    ("USERAUTH_BANNER from the client", |_| {
        let mut banner = vec![numbers::USERAUTH_BANNER];
        put(&mut banner, b"hello");
        put(&mut banner, b"");
        vec![banner, right_password("carol")]
    }),
    ("USERAUTH_INFO_REQUEST from the client", |_| {
        vec![[&[numbers::USERAUTH_INFO_REQUEST][..], &[0; 16]].concat(), channel_open()]
    }),
];

/// Passwords, answers and codes.
pub(crate) const SECRETS: &[Case] = &[
    ("another user's password", |_| vec![password("carol", password_of("erin").as_bytes())]),
    ("everybody's passwords, for a user nobody knows", |_| {
        NAMES.iter().map(|name| password("mallory", password_of(name).as_bytes())).collect()
    }),
    ("everybody's passwords, for a user without one", |_| {
        NAMES.iter().map(|name| password("dave", password_of(name).as_bytes())).collect()
    }),
    ("an empty password", |_| vec![password("carol", b"")]),
    ("an empty password, for a user without one", |_| vec![password("dave", b"")]),
    ("the password and a NUL", |_| {
        vec![password("carol", &[password_of("carol").as_bytes(), b"\0"].concat())]
    }),
    ("the password, a NUL and more", |_| {
        vec![password("carol", &[password_of("carol").as_bytes(), b"\0x"].concat())]
    }),
    ("a NUL and the password", |_| {
        vec![password("carol", &[b"\0", password_of("carol").as_bytes()].concat())]
    }),
    ("the password and a newline", |_| {
        vec![password("carol", &[password_of("carol").as_bytes(), b"\n"].concat())]
    }),
    ("the password and blanks up to 1025 bytes", |_| {
        let mut text = password_of("carol").into_bytes();
        text.resize(1025, b' ');
        vec![password("carol", &text)]
    }),
    ("a password of 1025 bytes", |_| vec![password("carol", &[b'x'; 1025])]),
    ("a password that is not UTF-8", |_| {
        vec![password("carol", &[password_of("carol").as_bytes(), &[0xff]].concat())]
    }),
    ("the hash itself", |_| {
        let cost = ringferry::auth::password::Cost { memory_kib: 64, passes: 1 };
        let hash = PasswordHash::make(&password_of("carol"), &[7; 16], cost).unwrap();
        vec![password("carol", hash.as_bytes())]
    }),
    ("the right password, to be changed", |_| {
        let mut out = head("carol", "password");
        out.push(1);
        put(&mut out, password_of("carol").as_bytes());
        put(&mut out, b"another");
        vec![out]
    }),
    ("the right password for another service", |_| {
        let mut out = vec![numbers::USERAUTH_REQUEST];
        for text in ["carol", "ssh-userauth", "password"] {
            put(&mut out, text.as_bytes());
        }
        out.push(0);
        put(&mut out, password_of("carol").as_bytes());
        vec![out]
    }),
    ("the right password after too many wrong ones", |_| {
        let mut said = vec![password("carol", b"wrong"); 6];
        said.push(right_password("carol"));
        said
    }),
    ("the user's name and a NUL", |_| vec![password("carol\0", password_of("carol").as_bytes())]),
    ("the user's name in capitals", |_| vec![password("CAROL", password_of("carol").as_bytes())]),
    ("answers without a question", |_| vec![answers(&[&password_of("erin"), &code_of("erin")])]),
    ("answers behind another request", |_| {
        vec![
            ask("erin"),
            password("erin", b"wrong"),
            answers(&[&password_of("erin"), &code_of("erin")]),
        ]
    }),
    ("answers after half a chain, to no question", |at| {
        vec![signed(at, "alice", ALICES), answers(&[&code_of("alice")])]
    }),
    ("too few answers", |_| vec![ask("erin"), answers(&[&password_of("erin")])]),
    ("too many answers", |_| {
        vec![ask("erin"), answers(&[&password_of("erin"), &code_of("erin"), ""])]
    }),
    ("no answers", |_| vec![ask("erin"), answers(&[])]),
    ("a second try at one question", |_| {
        vec![
            ask("erin"),
            answers(&["wrong", "000000"]),
            answers(&[&password_of("erin"), &code_of("erin")]),
        ]
    }),
    ("the answers in the other order", |_| {
        vec![ask("erin"), answers(&[&code_of("erin"), &password_of("erin")])]
    }),
    ("the right password and an empty code", |_| {
        vec![ask("erin"), answers(&[&password_of("erin"), ""])]
    }),
    ("the right code and a wrong password", |_| {
        vec![ask("erin"), answers(&["wrong", &code_of("erin")])]
    }),
    ("another user's code", |_| {
        vec![ask("erin"), answers(&[&password_of("erin"), &code_of("alice")])]
    }),
    ("a code that was used before", |at| {
        let said = [ask("erin"), answers(&[&password_of("erin"), &code_of("erin")])];
        let mut other = at_the_door(at.users.clone().unwrap());
        said.iter().for_each(|message| other.say(message));
        assert!(other.ours.is_authenticated());
        said.to_vec()
    }),
    ("a code of two minutes later", |_| {
        vec![ask("erin"), answers(&[&password_of("erin"), &codes_of("erin").code(120)])]
    }),
    ("the code of nobody's second factor, for a user nobody knows", |_| {
        let nobodys = Totp::of([0; 20]).unwrap().code(0);
        vec![ask("mallory"), answers(&[&password_of("erin"), &nobodys])]
    }),
    ("the code of nobody's second factor, for a user without one", |at| {
        let nobodys = Totp::of([0; 20]).unwrap().code(0);
        vec![signed(at, "dave", DAVES), ask("dave"), answers(&[&nobodys])]
    }),
];

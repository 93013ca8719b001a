//! Questions and answers, and logins that want more than one proof.

use zeroize::Zeroizing;

use super::login::{assert_logged_in, key};
use super::pair::{Dice, Pair, Split, client_config, server_config};
use super::raw::Raw;
use crate::crypto::Signer;
use crate::ssh::wire::Writer;
use crate::ssh::{AuthMethod, AuthVerdict, Event, Prompt, Prompts, ServerConfig, numbers};

fn interactive_config() -> ServerConfig {
    ServerConfig { methods: vec!["publickey", "keyboard-interactive"], ..server_config() }
}

fn prompts(texts: &[&str]) -> Prompts {
    let prompt = |text: &&str| Prompt { text: (*text).to_owned(), echo: text.starts_with("code") };
    Prompts {
        instruction: "who?".into(),
        prompts: texts.iter().map(prompt).collect(),
        ..Prompts::default()
    }
}

fn secrets(texts: &[&str]) -> Vec<Zeroizing<String>> {
    texts.iter().map(|text| Zeroizing::new((*text).to_owned())).collect()
}

/// Two rounds of questions; the second asks for two things at once.
#[test]
fn questions_are_asked_until_the_answers_do() {
    for split in [Split::Whole, Split::Bytewise, Split::Random(Dice::new(5), 40)] {
        let mut pair = Pair::new(interactive_config(), client_config());
        pair.split = split;
        pair.server.auth = Box::new(|request| match &request.method {
            AuthMethod::Interactive => AuthVerdict::Ask(prompts(&["name? "])),
            AuthMethod::Answers(given) if *given == secrets(&["alice"]) => {
                AuthVerdict::Ask(prompts(&["password? ", "code? "]))
            }
            AuthMethod::Answers(given) if *given == secrets(&["pw", ""]) => AuthVerdict::Accept,
            other => panic!("{other:?}"),
        });
        pair.client.connection.auth_interactive("alice");
        pair.run();
        assert!(pair.client.saw(|it| *it == Event::AuthPrompted(prompts(&["name? "]))));
        pair.client.connection.auth_answers(&secrets(&["alice"]));
        pair.run();
        let second = prompts(&["password? ", "code? "]);
        assert!(pair.client.saw(|it| *it == Event::AuthPrompted(second.clone())));
        pair.client.connection.auth_answers(&secrets(&["pw", ""]));
        pair.run();
        assert_logged_in(&pair, "alice");
        pair.client.connection.auth_answers(&secrets(&["late"]));
        pair.run();
        assert!(!pair.client.connection.is_closed(), "nothing was asked");
    }
}

/// A chain: the first proof holds, the next one is asked for, and no other counts.
#[test]
fn a_partial_success_names_what_can_continue() {
    let mut pair = Pair::new(interactive_config(), client_config());
    pair.server.auth = Box::new(|request| match &request.method {
        AuthMethod::KeyVerified { .. } => {
            AuthVerdict::Partial { methods: vec!["keyboard-interactive"] }
        }
        AuthMethod::Interactive => AuthVerdict::Ask(prompts(&["code? "])),
        AuthMethod::Answers(_) => AuthVerdict::Accept,
        other => panic!("{other:?}"),
    });
    pair.client.connection.auth_publickey("alice", key(1));
    pair.run();
    let methods = vec!["keyboard-interactive".to_owned()];
    assert!(
        pair.client.saw(|it| *it == Event::AuthFailed { methods: methods.clone(), partial: true })
    );
    assert_eq!(pair.server.connection.auth_progress(), (Some("alice"), 0), "it is no failure");
    // Another key is not what is wanted any more, and nobody is asked about it.
    pair.client.connection.auth_publickey("alice", key(2));
    pair.run();
    assert!(
        pair.client.saw(|it| *it == Event::AuthFailed { methods: methods.clone(), partial: false })
    );
    let refused =
        |event: &Event| matches!(event, Event::AuthRefused(it) if it.method == "publickey");
    assert!(pair.server.saw(refused));
    assert_eq!(pair.server.connection.auth_progress(), (Some("alice"), 1));
    pair.client.connection.auth_interactive("alice");
    pair.run();
    pair.client.connection.auth_answers(&secrets(&["123456"]));
    pair.run();
    assert_logged_in(&pair, "alice");
}

/// What makes no sense for a method is a refusal, never a login.
#[test]
fn a_verdict_out_of_place_is_a_refusal() {
    for verdict in [AuthVerdict::Ask(prompts(&["a? "])), AuthVerdict::Ask(prompts(&["b? "; 17]))] {
        let mut pair = Pair::new(interactive_config(), client_config());
        let asked = verdict.clone();
        pair.server.auth = Box::new(move |_| asked.clone());
        pair.client.connection.auth_publickey("alice", key(1));
        pair.run();
        assert_eq!(pair.server.connection.auth_progress(), (Some("alice"), 1));
    }
    let mut raw = Raw::server_in_auth(interactive_config());
    raw.verdict = Some(AuthVerdict::Partial { methods: vec!["publickey"] });
    let mut probe = named("alice", b"publickey");
    probe.put_bool(false);
    probe.put_string(b"ssh-ed25519");
    probe.put_string(key(1).public_blob());
    let answer = raw.answers(&probe);
    assert_eq!((answer[0][0], answer[0].last()), (numbers::USERAUTH_FAILURE, Some(&0)));
}

fn named(user: &str, method: &[u8]) -> Vec<u8> {
    let mut message = vec![numbers::USERAUTH_REQUEST];
    for field in [user.as_bytes(), b"ssh-connection", method] {
        message.put_string(field);
    }
    message
}

/// A server that has asked one question.
fn asked() -> Raw {
    let mut raw = Raw::server_in_auth(interactive_config());
    raw.verdict = Some(AuthVerdict::Ask(prompts(&["password? "])));
    let mut request = named("alice", b"keyboard-interactive");
    request.put_string(b"");
    request.put_string(b"pam");
    assert_eq!(raw.answers(&request)[0][0], numbers::USERAUTH_INFO_REQUEST);
    raw.verdict = Some(AuthVerdict::Accept);
    raw
}

/// CVE-2026-42189: an INFO_RESPONSE that promises more answers than were asked for.
#[test]
fn cve_2026_42189_as_many_answers_as_questions() {
    for count in [0, 2, 10_000, u32::MAX] {
        let mut raw = asked();
        let mut response = vec![numbers::USERAUTH_INFO_RESPONSE];
        response.put_u32(count);
        for _ in 0..count.min(8_000) {
            response.put_string(b"");
        }
        assert_eq!(raw.answers(&response)[0][0], numbers::USERAUTH_FAILURE, "{count}");
        assert!(!raw.ours.is_authenticated() && !raw.ours.is_closed());
        // The question is answered: there is no second answer to it.
        raw.refuses(&response);
    }
}

#[test]
fn answers_of_no_use_fail_and_malformed_ones_end_it() {
    let response = |answer: &[u8]| {
        let mut response = vec![numbers::USERAUTH_INFO_RESPONSE];
        response.put_u32(1);
        response.put_string(answer);
        response
    };
    for unfit in [&[b'x'; 1025][..], b"\xff\xfe"] {
        let mut raw = asked();
        assert_eq!(raw.answers(&response(unfit))[0][0], numbers::USERAUTH_FAILURE);
        assert!(!raw.ours.is_authenticated() && !raw.ours.is_closed());
    }
    let whole = response(b"right");
    for cut in 1..whole.len() {
        let mut raw = asked();
        raw.refuses(&whole[..cut]);
        assert!(!raw.ours.is_authenticated(), "{cut}");
    }
    let mut raw = asked();
    raw.refuses(&[&whole[..], b"!"].concat());
    assert!(!raw.ours.is_authenticated());
    let mut raw = asked();
    assert_eq!(raw.answers(&whole)[0], [numbers::USERAUTH_SUCCESS]);
}

/// Whoever asks for something else has let go of the questions.
#[test]
fn another_request_takes_the_questions_back() {
    let mut raw = asked();
    raw.verdict = Some(AuthVerdict::Reject);
    let other = raw.signed("alice", 1);
    assert_eq!(raw.answers(&other)[0][0], numbers::USERAUTH_FAILURE);
    raw.verdict = Some(AuthVerdict::Accept);
    let mut response = vec![numbers::USERAUTH_INFO_RESPONSE];
    response.put_u32(1);
    response.put_string(b"right");
    raw.refuses(&response);
    assert!(!raw.ours.is_authenticated());
}

#[test]
fn a_message_is_shown_before_the_login_succeeds() {
    let mut raw = Raw::server_in_auth(server_config());
    raw.accepts = false;
    raw.ours.show_banner("nobody waits for an answer");
    raw.message = Some("old files go on Friday".to_owned());
    raw.accepts = true;
    let request = raw.signed("alice", 1);
    let answers = raw.answers(&request);
    assert_eq!(answers[0][0], numbers::USERAUTH_BANNER);
    assert!(answers[0].windows(3).any(|part| part == b"old"));
    assert_eq!(answers[1], [numbers::USERAUTH_SUCCESS]);
}

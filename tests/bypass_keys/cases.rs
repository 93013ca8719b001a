//! What is tried, row by row.

use super::*;

pub(crate) const HONEST: &[Case] = &[
    ("a listed key", |at| vec![Request::plain(LISTED).signed(at, LISTED)]),
    ("a listed key, asked about first", |at| {
        let request = Request::plain(LISTED);
        vec![request.probe(), request.signed(at, LISTED)]
    }),
    ("a host-bound request", |at| {
        let request = Request { host_key: Some(host_key()), ..Request::plain(LISTED) };
        vec![request.signed(at, LISTED)]
    }),
    ("a security key", |at| {
        vec![Request::of(SK_ED25519, security_blob(CARD)).by_card(at, CARD, TOUCH)]
    }),
    ("a security key with a PIN", |at| {
        let request = Request::of(SK_ED25519, security_blob(CARD_WITH_PIN));
        vec![request.by_card(at, CARD_WITH_PIN, TOUCH | PIN)]
    }),
    ("a certificate", |at| vec![Request::certified(&Recipe::new()).signed(at, HOLDER)]),
    ("a certificate for SFTP", |at| {
        let critical = vec![("force-command", string(b"internal-sftp"))];
        let recipe = Recipe { critical, ..Recipe::new() };
        vec![Request::certified(&recipe).signed(at, HOLDER)]
    }),
    ("a certified security key", |at| {
        let request = Request::of(SK_CERTIFIED, Recipe::security().blob());
        vec![request.by_card(at, HOLDER, TOUCH)]
    }),
];

/// Who signs what.
pub(crate) const SIGNATURES: &[Case] = &[
    ("a listed key asked about, a stranger's that signs", |at| {
        vec![Request::plain(LISTED).probe(), Request::plain(STRANGER).signed(at, STRANGER)]
    }),
    ("a stranger's key asked about, and proven with a listed one's name", |at| {
        vec![Request::plain(STRANGER).probe(), Request::plain(LISTED).signed(at, STRANGER)]
    }),
    ("a listed key, signed by a stranger's", |at| {
        vec![Request::plain(LISTED).signed(at, STRANGER)]
    }),
    ("a listed key, without a signature, twice", |_| {
        vec![Request::plain(LISTED).probe(), Request::plain(LISTED).probe(), none()]
    }),
    ("an empty signature", |_| vec![Request::plain(LISTED).with(b"")]),
    ("a signature of zeros", |_| {
        vec![Request::plain(LISTED).with(&[string(b"ssh-ed25519"), string(&[0; 64])].concat())]
    }),
    ("a signature for another user", |at| {
        let other = Request { user: "alicf", ..Request::plain(LISTED) };
        let signature = signature(LISTED, &other.data(session(at)));
        vec![Request::plain(LISTED).with(&signature)]
    }),
    ("a signature for another service", |at| {
        let other = Request { service: "ssh-userauth", ..Request::plain(LISTED) };
        let signature = signature(LISTED, &other.data(session(at)));
        vec![Request::plain(LISTED).with(&signature)]
    }),
    ("a request for another service", |at| {
        vec![Request { service: "ssh-userauth", ..Request::plain(LISTED) }.signed(at, LISTED)]
    }),
    ("another user, once this one's key was found good", |at| {
        let other = Request { user: "bob", ..Request::plain(LISTED) };
        vec![Request::plain(LISTED).probe(), other.signed(at, LISTED)]
    }),
    ("a signature of another session", |_| {
        let request = Request::plain(LISTED);
        vec![request.with(&signature(LISTED, &request.data(&[7; 32])))]
    }),
    ("a signature over no session", |_| {
        let request = Request::plain(LISTED);
        vec![request.with(&signature(LISTED, &request.body(true)))]
    }),
    ("a signature over the question", |at| {
        let request = Request::plain(LISTED);
        let data = [string(session(at)), request.probe()].concat();
        vec![request.with(&signature(LISTED, &data))]
    }),
    ("a signature for another key", |at| {
        let data = Request::plain(STRANGER).data(session(at));
        vec![Request::plain(LISTED).with(&signature(LISTED, &data))]
    }),
    ("a signature that names another algorithm", |at| {
        let request = Request::plain(LISTED);
        let good = signature(LISTED, &request.data(session(at)));
        vec![request.with(&[string(b"rsa-sha2-512"), good[15..].to_vec()].concat())]
    }),
    ("an algorithm that is not the key's", |at| {
        vec![Request::of(P256, public_blob(LISTED)).signed(at, LISTED)]
    }),
    ("an algorithm nobody knows", |at| {
        vec![Request::of("ssh-rsa", public_blob(LISTED)).signed(at, LISTED)]
    }),
    ("bytes behind the signature", |at| {
        let request = Request::plain(LISTED);
        let good = signature(LISTED, &request.data(session(at)));
        vec![request.with(&[good, vec![0]].concat())]
    }),
    ("bytes behind the key", |at| {
        let blob = [public_blob(LISTED), vec![0]].concat();
        vec![Request::of(ED25519, blob).signed(at, LISTED)]
    }),
    ("a host-bound request to another host", |at| {
        let request = Request { host_key: Some(public_blob(8)), ..Request::plain(LISTED) };
        vec![request.signed(at, LISTED)]
    }),
    ("a host-bound request, signed for another host", |at| {
        let request = Request { host_key: Some(host_key()), ..Request::plain(LISTED) };
        let other = Request { host_key: Some(public_blob(8)), ..request.clone() };
        vec![request.with(&signature(LISTED, &other.data(session(at))))]
    }),
    ("a host-bound request, signed as a plain one", |at| {
        let request = Request { host_key: Some(host_key()), ..Request::plain(LISTED) };
        vec![request.with(&signature(LISTED, &Request::plain(LISTED).data(session(at))))]
    }),
    ("a plain request, signed as a host-bound one", |at| {
        let bound = Request { host_key: Some(host_key()), ..Request::plain(LISTED) };
        vec![Request::plain(LISTED).with(&signature(LISTED, &bound.data(session(at))))]
    }),
    ("USERAUTH_SUCCESS from the client", |_| vec![vec![numbers::USERAUTH_SUCCESS], none()]),
];

fn none() -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_REQUEST];
    for text in [&b"alice"[..], b"ssh-connection", b"none"] {
        put(&mut out, text);
    }
    out
}

/// What stands in front of a key, and what a security key says.
pub(crate) const KEYS: &[Case] = &[
    ("a listed key of another user", |at| {
        vec![Request { user: "bob", ..Request::plain(LISTED) }.signed(at, LISTED)]
    }),
    ("a key nobody listed", |at| vec![Request::plain(STRANGER).signed(at, STRANGER)]),
    ("a key from another address", |at| vec![Request::plain(ELSEWHERE).signed(at, ELSEWHERE)]),
    ("a key past its time", |at| vec![Request::plain(EXPIRED).signed(at, EXPIRED)]),
    ("a revoked key", |at| vec![Request::plain(REVOKED).signed(at, REVOKED)]),
    ("the authority's own key", |at| vec![Request::plain(AUTHORITY).signed(at, AUTHORITY)]),
    ("a certified key without its certificate", |at| {
        vec![Request::plain(HOLDER).signed(at, HOLDER)]
    }),
    ("a security key nobody touched", |at| {
        vec![Request::of(SK_ED25519, security_blob(CARD)).by_card(at, CARD, 0)]
    }),
    ("a security key with a PIN and no touch", |at| {
        vec![Request::of(SK_ED25519, security_blob(CARD)).by_card(at, CARD, PIN)]
    }),
    ("a security key with flags changed afterwards", |at| {
        let mut message = Request::of(SK_ED25519, security_blob(CARD)).by_card(at, CARD, 0);
        let flags = message.len() - 5;
        message[flags] |= TOUCH;
        vec![message]
    }),
    ("a security key without the PIN it must have", |at| {
        let request = Request::of(SK_ED25519, security_blob(CARD_WITH_PIN));
        vec![request.by_card(at, CARD_WITH_PIN, TOUCH)]
    }),
    ("a security key's signature without its flags", |at| {
        let request = Request::of(SK_ED25519, security_blob(CARD));
        let mut signature = security_signature(CARD, TOUCH, &request.data(session(at)));
        signature.truncate(signature.len() - 5);
        vec![request.with(&signature)]
    }),
    ("a plain signature of a security key", |at| {
        vec![Request::of(SK_ED25519, security_blob(CARD)).signed(at, CARD)]
    }),
    ("a security key shown as a plain one", |at| vec![Request::plain(CARD).signed(at, CARD)]),
    ("a security key for another application", |at| {
        let mut blob = security_blob(CARD);
        *blob.last_mut().unwrap() = b';';
        vec![Request::of(SK_ED25519, blob).by_card(at, CARD, TOUCH)]
    }),
];

fn certified(at: &Scene, recipe: &Recipe) -> Vec<Vec<u8>> {
    let request = Request::certified(recipe);
    vec![request.probe(), request.signed(at, HOLDER)]
}

fn named(at: &Scene, principals: Vec<&'static str>) -> Vec<Vec<u8>> {
    certified(at, &Recipe { principals, ..Recipe::new() })
}

fn critical(at: &Scene, critical: Vec<(&'static str, Vec<u8>)>) -> Vec<Vec<u8>> {
    certified(at, &Recipe { critical, ..Recipe::new() })
}

/// Certificates that are not good, or not for alice.
pub(crate) const CERTIFICATES: &[Case] = &[
    ("a certificate, signed with by another key", |at| {
        vec![Request::certified(&Recipe::new()).signed(at, STRANGER)]
    }),
    ("a certificate, signed with by its authority", |at| {
        vec![Request::certified(&Recipe::new()).signed(at, AUTHORITY)]
    }),
    ("a certificate for another key than the listed one that signs", |at| {
        vec![Request::certified(&Recipe::new()).signed(at, LISTED)]
    }),
    ("a certificate of a stranger", |at| {
        certified(at, &Recipe { authority: STRANGER, ..Recipe::new() })
    }),
    ("a certificate of a listed key", |at| {
        certified(at, &Recipe { authority: LISTED, ..Recipe::new() })
    }),
    ("a certificate that its own key signed", |at| {
        certified(at, &Recipe { authority: HOLDER, ..Recipe::new() })
    }),
    ("a stranger's certificate in the authority's name", |at| {
        let authority_blob = Some(public_blob(AUTHORITY));
        certified(at, &Recipe { authority: STRANGER, authority_blob, ..Recipe::new() })
    }),
    ("a certificate that a certificate signed", |at| {
        let inner = Recipe::new().blob();
        certified(at, &Recipe { authority: HOLDER, authority_blob: Some(inner), ..Recipe::new() })
    }),
    ("a certificate of a certificate", |at| {
        let key_type = "ssh-ed25519-cert-v01@openssh.com-cert-v01@openssh.com";
        certified(at, &Recipe { key_type, ..Recipe::new() })
    }),
    ("a certificate changed afterwards", |at| {
        let mut blob = Recipe { principals: vec!["alicf"], ..Recipe::new() }.blob();
        let name = blob.windows(5).position(|part| part == b"alicf").unwrap();
        blob[name + 4] = b'e';
        vec![Request::of(ED25519_CERTIFIED, blob).signed(at, HOLDER)]
    }),
    ("a host's certificate", |at| certified(at, &Recipe { kind: 2, ..Recipe::new() })),
    ("a certificate of no kind", |at| certified(at, &Recipe { kind: 0, ..Recipe::new() })),
    ("a certificate that is not valid yet", |at| {
        certified(at, &Recipe { validity: (1, u64::MAX), ..Recipe::new() })
    }),
    ("a certificate that has expired", |at| {
        certified(at, &Recipe { validity: (0, 0), ..Recipe::new() })
    }),
    ("a certificate for another principal", |at| named(at, vec!["bob"])),
    ("a certificate for alice and bob in one name", |at| named(at, vec!["alice,bob"])),
    ("a certificate for nobody and alice in one name", |at| named(at, vec![",alice"])),
    ("a certificate for nobody", |at| named(at, vec![])),
    ("a certificate for the empty name", |at| named(at, vec![""])),
    ("a certificate for everybody", |at| named(at, vec!["*"])),
    ("a certificate for alice and a NUL", |at| named(at, vec!["alice\0"])),
    ("a certificate for ALICE", |at| named(at, vec!["ALICE"])),
    ("an unknown critical option", |at| critical(at, vec![("new@example.org", vec![])])),
    ("a command to be run", |at| critical(at, vec![("force-command", string(b"/bin/sh"))])),
    ("another source-address", |at| critical(at, vec![("source-address", string(b"10.0.0.0/8"))])),
    ("a source-address that is none", |at| {
        critical(at, vec![("source-address", string(b"127.0.0.1/8"))])
    }),
    ("two source-addresses", |at| {
        let one = ("source-address", string(b"127.0.0.0/8"));
        critical(at, vec![one.clone(), one])
    }),
    ("verify-required of a plain key", |at| critical(at, vec![("verify-required", vec![])])),
    ("a certificate with a revoked key", |at| {
        let key = string(recipe::key(REVOKED).verifying_key().as_bytes());
        let request = Request::certified(&Recipe { key, ..Recipe::new() });
        vec![request.signed(at, REVOKED)]
    }),
    ("a certificate of a revoked authority", |at| {
        certified(at, &Recipe { authority: REVOKED, ..Recipe::new() })
    }),
    ("a certified security key nobody touched", |at| {
        vec![Request::of(SK_CERTIFIED, Recipe::security().blob()).by_card(at, HOLDER, 0)]
    }),
    ("a certificate shown as a plain key", |at| {
        vec![Request::of(ED25519, Recipe::new().blob()).signed(at, HOLDER)]
    }),
    ("a plain key shown as a certificate", |at| {
        vec![Request::of(ED25519_CERTIFIED, public_blob(LISTED)).signed(at, LISTED)]
    }),
    ("bytes behind a certificate", |at| {
        let blob = [Recipe::new().blob(), vec![0]].concat();
        vec![Request::of(ED25519_CERTIFIED, blob).signed(at, HOLDER)]
    }),
];

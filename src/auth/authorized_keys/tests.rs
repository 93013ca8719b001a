use super::*;
use proptest::prelude::*;

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";
const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPo08t\
    N693EOoIInpVfbFXuRdlJ75dc6qkbyOipJsgZ5uKAltlZBuKE6q4R//vu1w3qRitbULWsEpc6bgnHqwys=";
const P384: &str = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBFamR8\
    uvkJX0Dz9lPqm2ujNWCBWay2lvqut0VklCojVycp0CpeFrZga2tUdhBjL73395dsf7emWM7YP92A8xCDEyc1ko/wdnDzAD\
    VsArkn4BnVt8E4WtUTynKmv3eY0iSA==";
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDOeLz2/D3gz1yarQQTzEy/ZXjogAvpVLLaGO\
    12FM0ScVtgyYFXTqueQ+GUQPMsprQMUOQP2RDeCYzGa90geKtccP0+j8ZejtoBJRHpusBrdH+zk3zRez5MBEqoD00dSqOj\
    Ndg+3x3TE7YCwnViCUjVrlrrFhFu6pYh/a8/Z8HANQ==";
const RSA_2048: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDnaaJwLgyBEXYXwyjL9MJ+Z4B/XsU8kFuWlby\
    ttDjl62mL7vSvdn9Gb9BqwZn0U6SjdqW4ZDscx3XffA/ciJ4ENlUwsuriB2eYrtcMzI/+Qxf/cbw3Opac35ILh9Ly1hnN4\
    zZBxEhe8bpjgpuT9T3zRsQA9cOWM38FKnymWjMiwCxpk/cJtJXxkK4l+UrZjNRwoThwBGxB2UrNDBerYm7RPIP6XRChTGm\
    SKkdC8q2eSKgaNxJjSXTQMloVkYvfuyQLIi1dBcPdp9tpp/uc3KpBDPZrs6bZssq4KxlAC2CpbpPUiz5ksuKmldOAALmya\
    YL5/Z+/8p6YbvhKFwcE4UoB";

fn read(bytes: &[u8], rsa_bits_min: usize) -> KeyFile {
    parse(bytes, &KeyRules { rsa_bits_min, zone: TimeZone::UTC })
}

fn rejected(line: &str) -> String {
    let file = read(line.as_bytes(), 2048);
    assert_eq!((file.keys.len(), file.rejected.len()), (0, 1), "{line:?} gave {file:?}");
    assert_eq!(file.rejected[0].line, 1);
    file.rejected[0].cause.clone()
}

#[test]
fn keys_of_every_supported_type_are_read() {
    let text =
        format!("# a comment\n\n{ED25519} ann@host a b\r\n\t {P256}\n{RSA_2048}\tlaptop\n{P384}");
    let file = read(text.as_bytes(), 2048);
    assert_eq!(file.rejected, []);
    let lines: Vec<_> = file.keys.iter().map(|key| (key.line, key.comment.as_str())).collect();
    assert_eq!(lines, [(3, "ann@host a b"), (4, ""), (5, "laptop"), (6, "")]);
    assert_eq!(&file.keys[0].blob[..15], b"\0\0\0\x0bssh-ed25519");
    assert_eq!(file.keys[0].blob.len(), 51);
    assert_eq!(&file.keys[1].blob[4..23], b"ecdsa-sha2-nistp256");
    assert_eq!(&file.keys[2].blob[4..11], b"ssh-rsa");
}

#[test]
fn a_line_is_read_with_its_options_or_not_at_all() {
    for options in ["restrict", "no-pty,from=\"10.0.0.0/8, ::1\"", "from=\"a b\""] {
        let read = read(format!("{options} {ED25519} me at home").as_bytes(), 2048);
        assert_eq!(read.keys.len(), usize::from(options == "restrict"), "{options}");
    }
    let line = format!("expiry-time=\"20300101\",FROM=\"::1,10.*\"\t{ED25519} me at home");
    let file = read(line.as_bytes(), 2048);
    assert_eq!(file.rejected, []);
    assert_eq!(file.keys[0].comment, "me at home");
    assert_ne!(file.keys[0].options, KeyOptions::default());
    let command = "command=\"echo \\\"a b\\\" ssh-rsa\"";
    assert!(rejected(&format!("{command} {ED25519}")).contains("command"));
    assert!(rejected(&format!("re\x1b[2Jstrict {ED25519}")).contains("re?[2jstrict"));
    assert_eq!(rejected("restrict"), "neither a public key nor a comment");
    assert_eq!(rejected("restrict ssh-ed25519"), rejected("ssh-ed25519"));
}

#[test]
fn a_key_the_server_cannot_verify_is_rejected_by_name() {
    let certificate = "ssh-ed25519-cert-v01@openssh.com";
    let cause = rejected(&format!("cert-authority {certificate} AAAA"));
    assert_eq!(cause, format!("keys of type {certificate} are not supported"));
    assert_eq!(rejected("ssh-dss AAAA"), "keys of type ssh-dss are not supported");
    let cause = rejected(RSA_1024);
    assert_eq!(cause, "public key refused: modulus outside 2048 to 16384 bits");
}

const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAI\
    GILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/AAAABHNzaDo=";

#[test]
fn options_of_security_keys_and_authorities_stand_where_they_mean_something() {
    let plain = format!("no-touch-required,verify-required {SK_ED25519} me");
    let authority = format!("cert-authority,verify-required,principals=\"a\" {ED25519} ca");
    let file = read(format!("{SK_ED25519}\n{plain}\n{authority}").as_bytes(), 2048);
    assert_eq!(file.rejected, []);
    assert_eq!(&file.keys[0].blob[4..30], b"sk-ssh-ed25519@openssh.com");
    assert!(file.keys[0].blob.ends_with(b"\0\0\0\x04ssh:"));
    assert_eq!(file.keys[1].blob, file.keys[0].blob);
    let authorities: Vec<_> = file.keys.iter().map(|key| key.options.is_authority()).collect();
    assert_eq!(authorities, [false, false, true]);
    assert!(rejected(&format!("verify-required {ED25519}")).contains("is for security keys"));
    let cut = SK_ED25519.replace("AAAABHNzaDo=", "");
    assert!(rejected(&cut).contains("does not decode"));
}

#[test]
fn an_rsa_key_below_the_required_size_is_rejected_by_number() {
    let file = read(RSA_2048.as_bytes(), 3072);
    assert_eq!(file.keys, []);
    assert_eq!(
        file.rejected[0].cause,
        "an RSA key of 2048 bits, where at least 3072 are asked for"
    );
}

#[test]
fn garbage_is_rejected_and_the_rest_of_the_file_counts() {
    let mut text = b"what is this\nssh-ed25519 AAAA\nssh-ed25519\nwith a \0 in it\n".to_vec();
    text.extend_from_slice(format!("{ED25519}\rmore\n{ED25519} caf").as_bytes());
    text.extend_from_slice(b"\xe9\n");
    let file = read(&text, 2048);
    let lines: Vec<_> = file.rejected.iter().map(|line| line.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5]);
    assert_eq!(file.rejected[0].cause, "neither a public key nor a comment");
    assert!(file.rejected[1].cause.contains("does not decode"));
    assert_eq!(file.rejected[3].cause, "the line holds a NUL byte");
    assert!(file.rejected[4].cause.contains("carriage return"));
    assert_eq!(file.keys.len(), 1);
    assert_eq!((file.keys[0].line, file.keys[0].comment.as_str()), (6, "caf\u{fffd}"));
}

#[test]
fn the_type_in_front_must_be_the_type_inside() {
    let base64 = ED25519.split_once(' ').unwrap().1;
    assert!(rejected(&format!("ecdsa-sha2-nistp256 {base64}")).contains("does not decode"));
    assert!(rejected(&format!("ssh-rsa {base64}")).contains("does not decode"));
}

#[test]
fn a_line_may_be_64_kib_and_no_longer() {
    let comment = "x".repeat(LINE_BYTES_MAX - ED25519.len() - 1);
    let longest = format!("{ED25519} {comment}");
    assert_eq!(read(longest.as_bytes(), 2048).keys.len(), 1);
    let file = read(format!("{longest}x\n{ED25519}\n").as_bytes(), 2048);
    assert_eq!(file.rejected[0].cause, "the line is longer than 65536 bytes");
    assert_eq!(file.keys[0].line, 2);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let file = read(&bytes, 2048);
        prop_assert!(file.keys.is_empty());
    }

    #[test]
    fn a_key_with_anything_in_front_is_never_read(front in "[a-z\"=, \\\\-]{1,40}") {
        prop_assume!(!front.trim().is_empty());
        let file = read(format!("{front} {ED25519}").as_bytes(), 2048);
        prop_assert!(file.keys.is_empty());
        prop_assert_eq!(file.rejected.len(), 1);
    }
}

//! The packet trace of whole connections.

use std::sync::{Arc, Mutex};

use super::pair::{Pair, client_config, server_config};
use crate::crypto::Ed25519Signer;
use crate::ssh::{Connection, DisconnectReason, ServerConfig};

type Lines = Arc<Mutex<Vec<String>>>;

fn traced(connection: &mut Connection) -> Lines {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    connection.set_trace(Box::new(move |record| kept.lock().unwrap().push(record.to_string())));
    lines
}

#[test]
fn both_ends_see_the_same_packets_and_no_secret() {
    let config = ServerConfig { banner: Some("be nice".into()), ..server_config() };
    let mut pair = Pair::new(config, client_config());
    let [ours, theirs] =
        [&mut pair.client, &mut pair.server].map(|end| traced(&mut end.connection));
    pair.client.connection.auth_publickey("alice", Arc::new(Ed25519Signer::from_seed([1; 32])));
    pair.server.auth = Box::new(|request| match request.method {
        crate::ssh::AuthMethod::Password(_) => crate::ssh::AuthVerdict::Accept,
        _ => crate::ssh::AuthVerdict::Reject,
    });
    pair.run();
    pair.client.connection.auth_password("alice", "open sesame");
    pair.run();
    let (channel, theirs_channel) = pair.open_session();
    pair.client.connection.request_exec(channel, b"login --token open-sesame");
    pair.client.connection.request_subsystem(channel, "sftp");
    pair.run();
    pair.client.connection.write(channel, b"open sesame in a file");
    pair.run();
    pair.client.connection.rekey(pair.now);
    pair.run();
    // Frames of the caller's are packets like any other.
    let frame = pair.server.connection.reserve_data(theirs_channel, 21).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    bytes[frame.data_range()].copy_from_slice(b"open sesame in a file");
    pair.server.connection.seal_data(&frame, &mut bytes).unwrap();
    pair.to_client.extend(bytes);
    pair.run();
    pair.client.connection.disconnect(DisconnectReason::ByApplication, "done");
    pair.run();

    let (ours, theirs) = (ours.lock().unwrap(), theirs.lock().unwrap());
    for line in ours.iter().chain(theirs.iter()) {
        assert!(!line.contains("sesame") && !line.contains("token"), "{line}");
        assert!(line.len() < 2048);
    }
    let sent = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.strip_prefix("sent ")).map(str::to_owned).collect()
    };
    let received = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.strip_prefix("received ")).map(str::to_owned).collect()
    };
    assert_eq!(sent(&ours), received(&theirs));
    assert_eq!(sent(&theirs), received(&ours));
    let info = pair.client.connection.info();
    assert_eq!(sent(&ours).len() as u64, info.sent.packets);
    assert_eq!(received(&ours).len() as u64, info.received.packets);
    for part in [
        "sent #0 20 KEXINIT",
        "kex=[mlkem768x25519-sha256,",
        "EXT_INFO, 42 bytes, ext-info-in-auth@openssh.com=0",
        "method=publickey-hostbound-v00@openssh.com, signed=true, \
         algorithm=ssh-ed25519, key=SHA256:",
        "USERAUTH_FAILURE, 24 bytes, methods=[publickey,password], partial=false",
        "method=password, password=***",
        "request=exec, want_reply=true, command=***",
        "request=subsystem, want_reply=true, name=sftp",
        "CHANNEL_DATA, 30 bytes, channel=0, data=21 bytes",
        "DISCONNECT, 17 bytes, reason=11, description=done",
    ] {
        assert!(ours.iter().any(|line| line.contains(part)), "{part} in {ours:#?}");
    }
}

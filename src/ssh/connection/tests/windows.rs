//! Windows that grow: a link with delay, in virtual time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pair::{Pair, client_config, server_config};
use crate::ssh::{ChannelId, ClientConfig, Connection, ServerConfig, WindowBudget};

const MS: Duration = Duration::from_millis(1);
const KIB: u32 = 1024;

/// Two peers with a delay between them, and as many bytes a second as anybody likes.
struct Link {
    pair: Pair,
    delay: Duration,
    there: VecDeque<(Instant, Vec<u8>)>,
    back: VecDeque<(Instant, Vec<u8>)>,
    ours: ChannelId,
    theirs: ChannelId,
    /// The largest window the server's channel had.
    window_bytes: u32,
}

impl Link {
    /// A client logged in without delay, whose session was opened with it.
    fn new(server: ServerConfig, client: ClientConfig, delay: Duration) -> Self {
        let mut pair = Pair::new(server, client);
        pair.client.connection.auth_password("alice", "secret");
        pair.run();
        let ours = pair.client.connection.open_session().unwrap();
        let theirs = ChannelId(0);
        let (there, back) = (VecDeque::new(), VecDeque::new());
        let mut link = Self { pair, delay, there, back, ours, theirs, window_bytes: 0 };
        link.settle();
        link.pair.client.connection.request_subsystem(ours, "sftp");
        link.settle();
        link.window_bytes = link.pair.server.connection.window_bytes(theirs);
        link
    }

    fn send(&mut self) {
        let (now, at) = (self.pair.now, self.pair.now + self.delay);
        let ends = [
            (&mut self.pair.client.connection, &mut self.there),
            (&mut self.pair.server.connection, &mut self.back),
        ];
        for (connection, queue) in ends {
            let mut bytes = Vec::new();
            connection.poll_transmit(now, &mut bytes);
            if !bytes.is_empty() {
                queue.push_back((at, bytes));
            }
        }
    }

    /// What arrives next arrives; `false` if nothing is under way.
    fn arrive(&mut self) -> bool {
        self.send();
        let next = [self.there.front(), self.back.front()].into_iter().flatten();
        let Some(at) = next.map(|(at, _)| *at).min() else { return false };
        self.pair.now = at;
        while let Some((_, bytes)) = self.there.pop_front_if(|(due, _)| *due <= at) {
            self.pair.server.receive(at, &bytes);
        }
        while let Some((_, bytes)) = self.back.pop_front_if(|(due, _)| *due <= at) {
            self.pair.client.receive(at, &bytes);
        }
        self.send();
        let window = self.pair.server.connection.window_bytes(self.theirs);
        self.window_bytes = self.window_bytes.max(window);
        true
    }

    fn settle(&mut self) {
        while self.arrive() {}
    }

    /// Uploads `bytes` as fast as the window lets it: how many round trips that took.
    fn upload(&mut self, bytes: usize) -> u32 {
        let start = self.pair.now;
        let data = vec![0x5a; bytes];
        let before = self.arrived();
        let mut sent = 0;
        while self.arrived() - before < bytes {
            sent = self.write(&data, sent);
            assert!(self.arrive(), "stuck at {sent}: {:?}", self.pair.server.end());
        }
        let passed = self.pair.now - start;
        u32::try_from(passed.as_millis() / (2 * self.delay).as_millis().max(1)).unwrap()
    }

    /// The server sends `bytes` as fast as the client's window lets it: how large that became.
    fn download(&mut self, bytes: usize) -> u32 {
        let data = vec![0xa5; bytes];
        let (mut sent, mut window_bytes) = (0, 0);
        while self.pair.client.data.get(&self.ours).map_or(0, Vec::len) < bytes {
            loop {
                let written = self.pair.server.connection.write(self.theirs, &data[sent..]);
                if written == 0 {
                    break;
                }
                sent += written;
                self.send();
            }
            assert!(self.arrive(), "stuck at {sent}: {:?}", self.pair.client.end());
            window_bytes = window_bytes.max(self.pair.client.connection.window_bytes(self.ours));
        }
        window_bytes
    }

    fn write(&mut self, data: &[u8], mut sent: usize) -> usize {
        loop {
            let written = self.pair.client.connection.write(self.ours, &data[sent..]);
            if written == 0 {
                return sent;
            }
            sent += written;
            self.send();
        }
    }

    fn arrived(&self) -> usize {
        self.pair.server.data.get(&self.theirs).map_or(0, Vec::len)
    }

    fn server(&mut self) -> &mut Connection {
        &mut self.pair.server.connection
    }
}

/// A server whose windows are small, so that a test need not carry much.
fn small(window_bytes_max: u32) -> ServerConfig {
    ServerConfig { window_bytes: 64 * KIB, window_bytes_max, ..server_config() }
}

fn drawn(budget: &Arc<WindowBudget>) -> u64 {
    budget.drawn_bytes()
}

#[test]
fn a_far_client_gets_faster_until_the_window_is_at_its_most() {
    let far = |most| Link::new(small(most), client_config(), 50 * MS);
    let mut fixed = far(64 * KIB);
    let (bytes, slow) = (8 * 1024 * 1024, fixed.upload(8 * 1024 * 1024));
    assert_eq!((slow, fixed.window_bytes), (127, 64 * KIB), "a window each round trip");
    let mut link = far(1024 * KIB);
    let quick = link.upload(bytes);
    assert_eq!(link.window_bytes, 1024 * KIB);
    assert!(quick <= 8 + 8 + 4, "{quick} round trips");
    // Once grown, a window each round trip again.
    let again = link.upload(bytes);
    assert!((7..=9).contains(&again), "{again} round trips");
    assert!(link.pair.server.data[&link.theirs].iter().all(|byte| *byte == 0x5a));
}

#[test]
fn a_client_grows_its_window_for_a_far_server() {
    let client = |window_bytes_max| ClientConfig {
        window_bytes: 64 * KIB,
        window_bytes_max,
        ..client_config()
    };
    for most in [64 * KIB, 256 * KIB, 512 * KIB] {
        let mut link = Link::new(server_config(), client(most), 50 * MS);
        assert_eq!(link.download(4 * 1024 * 1024), most);
        assert_eq!(link.window_bytes, 2 * 1024 * KIB, "the server has received nothing");
    }
}

#[test]
fn a_near_client_and_a_slow_one_keep_the_window_they_have() {
    let mut near = Link::new(small(1024 * KIB), client_config(), Duration::ZERO);
    near.upload(4 * 1024 * 1024);
    assert_eq!(near.window_bytes, 64 * KIB);
    let mut slow = Link::new(small(1024 * KIB), client_config(), 50 * MS);
    for _ in 0..40 {
        // Each takes half a round trip.
        slow.upload(10 * 1024);
    }
    assert_eq!(slow.window_bytes, 64 * KIB);
}

#[test]
fn an_openssh_client_gets_15_mib_and_small_packets_and_others_what_was_configured() {
    let clients = [("OpenSSH_9.9p1", 15, 32), ("OpenSSH", 20, 64), ("NotOpenSSH_1", 20, 64)];
    for (software, most, packet_kib) in clients {
        let mut client = client_config();
        client.transport.software_version = software.to_owned();
        let start = 10 * 1024 * KIB;
        let server = ServerConfig {
            window_bytes: start,
            window_bytes_max: 20 * 1024 * KIB,
            ..server_config()
        };
        let mut link = Link::new(server, client, 50 * MS);
        let (ours, client) = (link.ours, &mut link.pair.client.connection);
        let frame = client.reserve_data(ours, 1 << 20).unwrap();
        assert_eq!(frame.data_len, packet_kib * 1024, "{software}");
        assert_eq!(client.release_data(frame, usize::MAX), None);
        link.upload(30 * 1024 * 1024);
        assert_eq!(link.window_bytes, most * 1024 * KIB, "{software}");
    }
}

#[test]
fn a_window_shrinks_when_memory_is_short_and_when_its_channel_goes() {
    let config = small(1024 * KIB);
    let budget = Arc::clone(&config.window_budget);
    let mut link = Link::new(config, client_config(), 50 * MS);
    link.upload(4 * 1024 * 1024);
    assert_eq!(drawn(&budget), u64::from(960 * KIB));
    link.server().shrink_windows();
    assert!(drawn(&budget) > u64::from(800 * KIB), "what was granted cannot be taken back");
    link.upload(960 * 1024);
    let theirs = link.theirs;
    assert_eq!((drawn(&budget), link.server().window_bytes(theirs)), (0, 64 * KIB));
    // The need is still there, and so is the window again.
    link.upload(4 * 1024 * 1024);
    assert_eq!(drawn(&budget), u64::from(960 * KIB));
    let ours = link.ours;
    link.pair.client.connection.close(ours);
    link.settle();
    assert_eq!((drawn(&budget), link.server().window_bytes(theirs)), (0, 0));
}

#[test]
fn many_channels_stay_within_the_budget() {
    let budget = Arc::new(WindowBudget::new(u64::from(900 * KIB)));
    let config = ServerConfig { window_budget: Arc::clone(&budget), ..small(1024 * KIB) };
    let mut links: Vec<Link> =
        (0..5).map(|_| Link::new(config.clone(), client_config(), 50 * MS)).collect();
    for _ in 0..12 {
        for link in &mut links {
            link.upload(512 * 1024);
            assert!(drawn(&budget) <= u64::from(900 * KIB));
        }
    }
    let windows: Vec<u32> =
        links.iter().map(|link| link.pair.server.connection.window_bytes(link.theirs)).collect();
    assert!(windows.iter().all(|bytes| *bytes > 64 * KIB + 100 * KIB), "{windows:?}");
    links.clear();
    assert_eq!(drawn(&budget), 0);
}

//! The bounds of the server, in one place.

use std::time::Duration;

/// Receive buffer of a connection that is idle or talks little: a key exchange message fits.
pub const SMALL_BUFFER_BYTES: usize = 8 * 1024;

/// Buffer of a busy connection: what one RECV may land in and what one train may fill.
///
/// A train of this size holds 15 full CHANNEL_DATA packets of 32 KiB.
pub const LARGE_BUFFER_BYTES: usize = 512 * 1024;

/// Most bytes of buffers one shard may have out at once; beyond it connections wait for a buffer.
pub const SHARD_BUFFER_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Most bytes of free buffers one shard keeps for the next taker.
pub const SHARD_FREE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most payload bytes of one train: what is read, sealed and sent in one go.
pub const TRAIN_BYTES_MAX: usize = 256 * 1024;

/// The same while light connections of its shard have something to do: what these wait for is one
/// train, and 256 KiB read, sealed by ChaCha20-Poly1305 and sent take 0.3 ms.
pub const TRAIN_BYTES_MAX_SHARED: usize = 64 * 1024;

/// File data of a train up to this long is read where the train is laid, if it is in memory: one
/// READ of OpenSSH's client. A longer one is read by the ring, while something else is done.
pub const BRIEF_READ_BYTES_MAX: usize = 32 * 1024;

/// Room kept in front of a train for control packets (window adjusts and the like).
pub const HEADROOM_BYTES: usize = 1024;

/// Replies up to this long need not be reported as sent before something else happens: see
/// `reactor::Op::Send`. Longer ones may not fit into the socket at once.
pub const PATIENT_BYTES_MAX: usize = 16 * 1024;

/// Trains sealed ahead of the one on the wire.
pub const SEALED_AHEAD_MAX: usize = 1;

/// The same while trains of the connection are being sealed on other cores.
pub const SEALED_AHEAD_OFFLOAD_MAX: usize = 3;

/// Shortest train that is sealed on another core: the way there and back takes some 10 us, a tenth
/// of what ChaCha20-Poly1305 needs for so much.
pub const OFFLOAD_TRAIN_BYTES_MIN: usize = 128 * 1024;

/// Trains that may be under way to one thread that seals: one in its hands, one to go on with.
pub const TRAINS_PER_WORKER_MAX: usize = 2;

/// Hundredths of its time a shard must be busy before its trains are sealed elsewhere.
pub const OFFLOAD_BUSY_PERCENT_MIN: u64 = 75;

/// Ciphers faster than this (4 GB/s) are no bottleneck: AES-GCM on processors that have it.
pub const OFFLOAD_PICOS_A_BYTE_MIN: u64 = 250;

/// How many times longer than on the shard a train may be away before the workers count as not
/// idle: once for the train in front of it, once for its own, and once for the way.
pub const OFFLOAD_SLOWER_MAX: u64 = 3;

/// How long workers are left alone then.
pub const OFFLOAD_PAUSE: Duration = Duration::from_secs(1);

/// How long one connection may open packets and carry out requests before the others get their
/// turn.
pub const TURN_TIME_MAX: Duration = Duration::from_millis(1);

/// How long a shard sleeps on when bytes of an upload have come whose client sends far ahead
/// (`gathering.rs`). With OpenSSH's sftp and aes128-gcm a GiB costs 1.22 s of CPU, 1.83 without; an
/// hour before it was 1.25 with 400 us and 1.46 with 150. It does not take longer (EPYC 7003).
pub const GATHER_TIME: Duration = Duration::from_micros(300);

/// Bytes of WRITEs that a client must have sent behind another, without an answer to that, to be
/// one that sends far ahead: with so many under way a sleep of [`GATHER_TIME`] does not starve it.
pub const GATHER_AHEAD_BYTES_MIN: u64 = 160 * 1024;

/// Bytes that must have come in a turn: with fewer, the client or its network is too slow for a
/// longer sleep to bring much more.
pub const GATHER_BYTES_MIN: u64 = 32 * 1024;

/// Bytes moved in one turn that make a connection a heavy one, ...
pub const HEAVY_BYTES: u64 = 64 * 1024;

/// ... and how long it counts as one.
pub const HEAVY_TIME: Duration = Duration::from_millis(100);

/// Most READ requests a session queues, 48 bytes each; then its input waits.
///
/// paramiko asks for a whole file at once: 1 GiB in 32 KiB pieces is 32,768 requests.
pub const READS_QUEUED_MAX: usize = 65_536;

/// Most bytes of other replies a session queues; then its input waits.
pub const REPLY_BYTES_QUEUED_MAX: usize = 1024 * 1024;

/// Most bytes of standard error a command queues; then it waits until its client takes them.
pub const STDERR_BYTES_QUEUED_MAX: usize = 64 * 1024;

/// Bytes of one READ without a header; a READ's length is a number of 32 bits, files may be longer.
pub const BARE_READ_BYTES_MAX: u32 = 1 << 30;

/// Bytes that scp reads from or writes to a file at a time where its file system may hang.
pub const COPY_PIECE_BYTES: usize = 256 * 1024;

/// Neighbouring WRITEs are joined up to this many bytes before they go to the file.
pub const WRITE_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Pieces of one joined write: the kernel takes at most 1,024 (`IOV_MAX`).
pub const WRITE_BATCH_PIECES_MAX: usize = 1000;

/// Where files are not to stay in memory, so much of one is let go of at a time.
pub const DROP_STEP_BYTES: u64 = 8 * 1024 * 1024;

/// Most bytes of a file the kernel is told of at once: a worker is busy with it until then.
pub const ADVICE_BYTES_MAX: u32 = 1024 * 1024 * 1024;

/// How long a connection that ends may take to send its last bytes.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server that was told to stop waits for its connections to go.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a shard works out how busy it is.
pub const LOAD_INTERVAL: Duration = Duration::from_millis(100);

/// How soon a connection that found no free buffer asks again.
pub const STARVED_RETRY: Duration = Duration::from_millis(5);

/// Connections that wait in the kernel to be accepted; the kernel cuts it at `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4096;

/// Entries of one READDIR reply, as OpenSSH's; some clients take no more than 128 KiB of them.
pub const DIR_ENTRIES_MAX: usize = 100;

/// Threads for work that may block, over all shards; work of more waits.
pub const BLOCKING_THREADS_MAX: usize = 32;

/// Jobs one user has running on them at once: a file system of his that hangs holds no more.
pub const JOBS_PER_USER_MAX: usize = 4;

/// Passwords that are hashed at once. Each takes 19 MiB and some 30 ms.
pub const VERDICTS_AT_ONCE_MAX: usize = 8;

/// Verdicts on one name, asked for from one address, that wait for a directory, a disk or a
/// program: if its home hangs, others still log in.
pub const VERDICTS_WAITING_PER_ASKER_MAX: usize = 2;

/// Jobs of one user that wait for one of his to end; more fail. Clients that come back again and
/// again to a file system that hangs leave no more than this behind.
pub const JOBS_WAITING_PER_USER_MAX: usize = 1024;

/// A thread for blocking work that found nothing to do for this long ends.
pub const IDLE_THREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of a file that a shard itself deletes, cuts off or puts in another's place. On ext4
/// with `discard` a MiB takes 1 ms to delete, 64 MiB 37 and a GiB 560; a file that was just written
/// takes 0.7 and 24 ms to be put in another's place, and 97 with 256 MiB.
pub const LET_GO_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes that a digest or a copy handles between two looks at whether it is still wanted.
pub const JOB_SLICE_BYTES: usize = 1024 * 1024;

/// Most bytes of digests in one reply to check-file: clients take no frame above 256 KiB.
pub const DIGESTS_BYTES_MAX: usize = 192 * 1024;

/// Most bytes of names in one reply to users-groups-by-id@openssh.com, for the same reason.
pub const NAMES_BYTES_MAX: usize = 192 * 1024;

/// Most ranges in one reply to ranges@asyncssh.com; the client asks on where it ends.
pub const RANGES_MAX: usize = 4096;

/// A source that is turned away again and again for the same cause gets one line in the log in so
/// long, with the number of refusals.
pub const REFUSAL_LOG_INTERVAL_MS: u64 = 10_000;

/// Sources that get such lines in that time, so 6 lines a second at most; the refusals of others
/// are counted on the next line.
pub const REFUSAL_LOG_SOURCES_MAX: usize = 64;

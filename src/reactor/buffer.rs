//! The buffer pool: two sizes, bounded in bytes, shared by a shard and its helpers.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::PoolLimits;

/// 16 bytes, what malloc gives anyway: a larger alignment would make the allocator zero (and so
/// touch) every page of a fresh buffer, where calloc gets them from the kernel as they are used.
const ALIGNMENT: usize = 16;

/// A bounded stock of buffers of two sizes. Cloning shares it.
#[derive(Clone)]
pub struct BufferPool(Arc<Shared>);

/// What a pool has out and keeps.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PoolStats {
    /// Buffers handed out and not yet dropped.
    pub outstanding: usize,
    /// Their bytes.
    pub outstanding_bytes: usize,
    /// Bytes of returned buffers kept for reuse.
    pub free_bytes: usize,
}

struct Shared {
    limits: PoolLimits,
    stock: Mutex<Stock>,
}

#[derive(Default)]
struct Stock {
    small: Vec<Memory>,
    large: Vec<Memory>,
    stats: PoolStats,
}

impl BufferPool {
    /// An empty pool; nothing is allocated before it is asked for.
    pub fn new(limits: PoolLimits) -> Self {
        BufferPool(Arc::new(Shared { limits, stock: Mutex::default() }))
    }

    /// A small buffer; `None` when the pool's bytes are used up or memory is short. Its content is
    /// whatever the last owner left.
    pub fn small(&self) -> Option<Buffer> {
        self.take(self.0.limits.small_bytes)
    }

    /// A large buffer; `None` when the pool's bytes are used up or memory is short. Its content is
    /// whatever the last owner left.
    pub fn large(&self) -> Option<Buffer> {
        self.take(self.0.limits.large_bytes)
    }

    /// What is out and what is kept, now.
    pub fn stats(&self) -> PoolStats {
        self.0.lock().stats
    }

    /// The sizes this pool was made with.
    pub fn limits(&self) -> &PoolLimits {
        &self.0.limits
    }

    fn take(&self, bytes: usize) -> Option<Buffer> {
        let limits = &self.0.limits;
        let mut stock = self.0.lock();
        let kept = match stock.kept(limits, bytes).pop() {
            Some(memory) => {
                stock.stats.free_bytes -= bytes;
                Some(memory)
            }
            None => {
                stock.make_room(limits, bytes)?;
                None
            }
        };
        stock.stats.outstanding += 1;
        stock.stats.outstanding_bytes += bytes;
        drop(stock);
        match kept.or_else(|| Memory::new(bytes)) {
            Some(memory) => Some(Buffer { memory: Some(memory), pool: Arc::clone(&self.0) }),
            None => {
                let mut stock = self.0.lock();
                stock.stats.outstanding -= 1;
                stock.stats.outstanding_bytes -= bytes;
                None
            }
        }
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Stock> {
        // Nothing under the lock can panic half-way, so a poisoned stock is still a consistent one.
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, memory: Memory) {
        let bytes = memory.bytes;
        let mut stock = self.lock();
        stock.stats.outstanding -= 1;
        stock.stats.outstanding_bytes -= bytes;
        if stock.stats.free_bytes + bytes <= self.limits.free_max {
            stock.stats.free_bytes += bytes;
            stock.kept(&self.limits, bytes).push(memory);
        } else {
            drop(stock); // free(3) of a large buffer is a munmap: not under the lock
            drop(memory);
        }
    }
}

impl Stock {
    fn kept(&mut self, limits: &PoolLimits, bytes: usize) -> &mut Vec<Memory> {
        if bytes == limits.small_bytes { &mut self.small } else { &mut self.large }
    }

    /// Makes sure `bytes` more may be allocated, giving up kept buffers of the other size for it.
    fn make_room(&mut self, limits: &PoolLimits, bytes: usize) -> Option<()> {
        let room = limits.bytes_max.checked_sub(self.stats.outstanding_bytes)?;
        let room = room.checked_sub(bytes)?;
        while self.stats.free_bytes > room {
            let memory = self.large.pop().or_else(|| self.small.pop())?;
            self.stats.free_bytes -= memory.bytes;
        }
        Some(())
    }
}

/// Bytes with one owner, of a length that never changes; dropping gives them back to their pool.
///
/// Moving a `Buffer` does not move its bytes, so the kernel may write to them while the `Buffer`
/// itself travels through queues.
pub struct Buffer {
    /// `None` only while being dropped.
    memory: Option<Memory>,
    pool: Arc<Shared>,
}

/// A buffer several writes refer to; returned to the pool by the last of them.
pub type SharedBuffer = Arc<Buffer>;

impl Buffer {
    /// Where the bytes are, for the kernel. Valid until the buffer is dropped.
    pub(super) fn pointer(&self) -> *mut u8 {
        self.memory.as_ref().map_or(std::ptr::null_mut(), |memory| memory.pointer.as_ptr())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.memory {
            // SAFETY: the allocation has `bytes` initialised bytes (zeroed at first) and lives as
            // long as `self`. No operation writes to it meanwhile: the operations that write own
            // their `Buffer`, so no reference to it exists while they run.
            Some(memory) => unsafe {
                std::slice::from_raw_parts(memory.pointer.as_ptr(), memory.bytes)
            },
            None => &[],
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &self.memory {
            // SAFETY: as in `deref`; and `&mut self` means that no other reference exists. A
            // `SharedBuffer` that the kernel reads from cannot be borrowed mutably, because the
            // operation holds a clone of the `Arc`.
            Some(memory) => unsafe {
                std::slice::from_raw_parts_mut(memory.pointer.as_ptr(), memory.bytes)
            },
            None => &mut [],
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.pool.put_back(memory);
        }
    }
}

/// One allocation. A raw pointer and not a `Box<[u8]>`: a box promises that nobody else writes to
/// its bytes while it is moved, and the kernel does.
struct Memory {
    pointer: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a `Memory` is the only owner of its allocation, which is plain bytes.
unsafe impl Send for Memory {}
// SAFETY: through a shared `Memory` the bytes can only be read.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(bytes: usize) -> Option<Self> {
        let layout = Self::layout(bytes)?;
        // SAFETY: `layout` has a size of at least 1.
        let pointer = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Memory { pointer, bytes })
    }

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.bytes) {
            // SAFETY: allocated in `new` with the same layout, and freed only here.
            unsafe { dealloc(self.pointer.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> BufferPool {
        BufferPool::new(PoolLimits {
            small_bytes: 100,
            large_bytes: 1000,
            bytes_max: 2500,
            free_max: 1100,
        })
    }

    #[test]
    fn bytes_are_bounded_and_counted() {
        let pool = pool();
        let (a, b) = (pool.large().unwrap(), pool.large().unwrap());
        assert_eq!((a.len(), b.len()), (1000, 1000));
        assert!(pool.large().is_none(), "3000 bytes from a pool of 2500");
        let small: Vec<Buffer> = std::iter::from_fn(|| pool.small()).collect();
        assert_eq!(small.len(), 5);
        let all = PoolStats { outstanding: 7, outstanding_bytes: 2500, free_bytes: 0 };
        assert_eq!(pool.stats(), all);
        drop((a, b, small));
        let stats = pool.stats();
        assert_eq!((stats.outstanding, stats.outstanding_bytes), (0, 0));
        assert_eq!(stats.free_bytes, 1100, "the second large one did not fit");
    }

    #[test]
    fn kept_buffers_make_way_for_the_other_size() {
        let pool = pool();
        let mut small: Vec<Buffer> = std::iter::from_fn(|| pool.small()).collect();
        assert_eq!(small.len(), 25);
        small.truncate(5);
        assert_eq!(pool.stats().free_bytes, 1100);
        let _large = pool.large().expect("500 + 1000 of 2500 are free in substance");
        assert_eq!(pool.stats().outstanding_bytes, 1500);
        assert!(pool.stats().free_bytes <= 1000);
    }

    #[test]
    fn content_starts_as_zero_and_buffers_are_reused() {
        let pool = pool();
        let mut buffer = pool.small().unwrap();
        assert!(buffer.iter().all(|byte| *byte == 0));
        buffer.fill(7);
        let place = buffer.pointer();
        drop(buffer);
        let again = pool.small().unwrap();
        assert_eq!(again.pointer(), place);
        drop(pool);
        assert_eq!(again[0], 7, "a buffer outlives the pool's handle");
    }

    #[test]
    fn dropping_on_another_thread_gives_back() {
        let pool = pool();
        let buffer = Arc::new(pool.large().unwrap());
        let shared: SharedBuffer = Arc::clone(&buffer);
        std::thread::spawn(move || drop(shared)).join().unwrap();
        assert_eq!(pool.stats().outstanding, 1);
        std::thread::spawn(move || drop(buffer)).join().unwrap();
        assert_eq!(pool.stats().outstanding, 0);
    }
}

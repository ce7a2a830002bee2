//! The memory of a call: a bump arena that is thrown away with the instance.
//!
//! Why an allocator of its own: every call runs in a fresh instance, so nothing is ever worth giving back, and what
//! costs time is not allocating but `memory.grow` (two system calls and a lock of the whole process per call). The
//! arena lies in the zero-initialised part of the first memory, so an ordinary event never grows anything; untouched
//! pages of it cost nothing. A large event takes more memory in steps of [`STEP_BYTES`].
//!
//! What it does not do: reuse freed memory, but for the block that was allocated last, which is the case that matters
//! (a growing `Vec` or `String`).

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

/// Size of the arena inside the first memory.
const ARENA_BYTES: usize = 256 * 1024;
/// Least step in which memory is grown once the arena is full.
const STEP_BYTES: usize = 1024 * 1024;
const PAGE_BYTES: usize = 64 * 1024;

#[repr(C, align(16))]
struct Storage(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: the host gives a guest one thread; shared memory is switched off in the engine.
unsafe impl Sync for Storage {}

static STORAGE: Storage = Storage(UnsafeCell::new([0; ARENA_BYTES]));

/// Where the next block goes and where the current chunk ends; `end` 0 means "not started".
struct Bounds {
    next: usize,
    end: usize,
}

pub(crate) struct Arena(UnsafeCell<Bounds>);

// SAFETY: as for `Storage`.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena(UnsafeCell::new(Bounds { next: 0, end: 0 }));

impl Bounds {
    fn start(&mut self) {
        if self.end == 0 {
            self.next = STORAGE.0.get() as usize;
            self.end = self.next + ARENA_BYTES;
        }
    }

    /// Makes room for `bytes` more bytes from `from` on; `true` if the current chunk could be extended in place,
    /// which only works when it is the end of memory.
    fn grow(&mut self, from: usize, bytes: usize) -> Option<bool> {
        let memory_end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
        let contiguous = self.end == memory_end;
        let missing = if contiguous {
            from.checked_add(bytes)? - self.end
        } else {
            bytes.checked_add(16)?
        };
        let pages = missing.max(STEP_BYTES).div_ceil(PAGE_BYTES);
        if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            return None;
        }
        if !contiguous {
            self.next = memory_end;
        }
        self.end = memory_end + pages * PAGE_BYTES;
        Some(contiguous)
    }

    fn take(&mut self, layout: Layout) -> Option<usize> {
        self.start();
        let align = layout.align().max(8);
        let mut at = self.next.checked_next_multiple_of(align)?;
        if at.checked_add(layout.size())? > self.end {
            self.grow(at, layout.size())?;
            at = self.next.checked_next_multiple_of(align)?;
        }
        self.next = at + layout.size();
        Some(at)
    }

    /// Resizes the block at `at` in place if it is the last one.
    fn resize_last(&mut self, at: usize, old: usize, new: usize) -> bool {
        if at + old != self.next {
            return false;
        }
        let Some(wanted) = at.checked_add(new) else {
            return false;
        };
        if wanted > self.end {
            let memory_end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
            if self.end != memory_end || self.grow(at, new).is_none() {
                return false;
            }
        }
        self.next = wanted;
        true
    }
}

// SAFETY: blocks are disjoint because `next` only moves past a block when it is handed out and only moves back to the
// start of the last block when that block is freed or shrunk; they lie inside `STORAGE` or in memory grown here.
// `BOUNDS` is reached from one thread, and none of these functions calls back into the allocator.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, no reentrance (see above).
        let bounds = unsafe { &mut *self.0.get() };
        bounds
            .take(layout)
            .map_or(core::ptr::null_mut(), |at| at as *mut u8)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let bounds = unsafe { &mut *self.0.get() };
        if block as usize + layout.size() == bounds.next {
            bounds.next = block as usize;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        // SAFETY: as in `alloc`; the reference ends before `alloc` is called below.
        let in_place = unsafe { &mut *self.0.get() }.resize_last(block as usize, layout.size(), new_bytes);
        if in_place || new_bytes <= layout.size() {
            return block;
        }
        // SAFETY: the caller's layout was valid and `new_bytes` is not zero, as `GlobalAlloc::realloc` demands;
        // old and new block do not overlap because the new one is taken beyond `next`.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_bytes, layout.align()));
            if !moved.is_null() {
                core::ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}

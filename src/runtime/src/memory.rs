//! Memory that is free and that the allocator keeps.

/// Gives free memory back to the operating system. The allocator of glibc keeps what many threads have freed after a
/// burst, for as long as the process lives. Takes microseconds where there is little to give, milliseconds where there
/// is much.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: the call has no precondition and takes the allocator's own locks.
    #[expect(unsafe_code, reason = "the C library's allocator has no other door")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

//! The slot table of the file that is being built, page by page in memory.
//!
//! A page is read when one of its slots is first asked for; changed pages wait for [`SlotPages::dirty`].

use std::{collections::BTreeSet, io};

use super::layout::{Layout, SLOT_BYTES};
use crate::fs::StoreFile;

/// Slots in a page.
const PAGE_SLOTS: u32 = 1_024;

type Page = [u32; PAGE_SLOTS as usize];

/// The newest item of each slot. Takes four bytes of memory for every slot of a page that was ever touched.
#[derive(Debug)]
pub(super) struct SlotPages {
    layout: Layout,
    pages: Vec<Option<Box<Page>>>,
    dirty: BTreeSet<u32>,
}

impl SlotPages {
    pub(super) fn new(layout: Layout) -> Self {
        let page_count = layout.slot_count.div_ceil(PAGE_SLOTS) as usize;
        Self { layout, pages: vec![None; page_count], dirty: BTreeSet::new() }
    }

    /// The value of a slot, if its page is in memory.
    pub(super) fn peek(&self, slot: u32) -> Option<u32> {
        let page = self.pages.get((slot / PAGE_SLOTS) as usize)?.as_ref()?;
        page.get((slot % PAGE_SLOTS) as usize).copied()
    }

    /// The value of a slot, whose page is read from `file` the first time.
    pub(super) fn get_mut(&mut self, slot: u32, file: &dyn StoreFile) -> io::Result<&mut u32> {
        let number = slot / PAGE_SLOTS;
        let out_of_range = || io::Error::from(io::ErrorKind::InvalidInput);
        let place = self.pages.get_mut(number as usize).ok_or_else(out_of_range)?;
        let page = match place {
            Some(page) => page,
            None => place.insert(read_page(self.layout, number, file)?),
        };
        page.get_mut((slot % PAGE_SLOTS) as usize).ok_or_else(out_of_range)
    }

    /// Notes that a slot was changed.
    pub(super) fn note_changed(&mut self, slot: u32) {
        self.dirty.insert(slot / PAGE_SLOTS);
    }

    /// The pages that were changed since they were last written.
    pub(super) fn dirty(&self) -> Vec<u32> {
        self.dirty.iter().copied().collect()
    }

    /// Notes that a page was written.
    pub(super) fn note_written(&mut self, page: u32) {
        self.dirty.remove(&page);
    }

    /// A page as it stands in the file, with its position.
    pub(super) fn encode(&self, number: u32) -> (u64, Vec<u8>) {
        let first = number * PAGE_SLOTS;
        let count = PAGE_SLOTS.min(self.layout.slot_count.saturating_sub(first)) as usize;
        let slots = self.pages.get(number as usize).and_then(Option::as_ref);
        let bytes = slots.into_iter().flat_map(|page| page.iter().take(count).copied());
        (Layout::slot_position(first), bytes.flat_map(u32::to_be_bytes).collect())
    }
}

fn read_page(layout: Layout, number: u32, file: &dyn StoreFile) -> io::Result<Box<Page>> {
    let first = number * PAGE_SLOTS;
    let count = PAGE_SLOTS.min(layout.slot_count.saturating_sub(first)) as usize;
    let mut bytes = vec![0; count * SLOT_BYTES];
    file.read_exact_at(&mut bytes, Layout::slot_position(first))?;
    let mut page = Box::new([0; PAGE_SLOTS as usize]);
    for (slot, bytes) in page.iter_mut().zip(bytes.as_chunks().0) {
        *slot = u32::from_be_bytes(*bytes);
    }
    Ok(page)
}

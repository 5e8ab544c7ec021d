//! Putting another unit in the place of one that turned out to be wrong.

use std::{io, sync::Arc};

use super::{ConsumeQueue, UNIT_BYTES, Unit};

impl ConsumeQueue {
    /// Writes `unit` over the unit at a place the queue has, if that is still `seen`. Answers whether it did.
    pub(crate) fn replace_unit(
        self: &Arc<Self>,
        queue_offset: i64,
        seen: Unit,
        unit: Unit,
    ) -> io::Result<bool> {
        let _io = self.io.lock();
        {
            let mut state = self.state.lock();
            if queue_offset >= state.written || state.is_deleted || state.files.is_none() {
                let index = usize::try_from(queue_offset - state.written).ok().filter(|_| !state.is_deleted);
                let place = index.and_then(|index| state.tail.as_chunks_mut::<UNIT_BYTES>().0.get_mut(index));
                let Some(place) = place.filter(|place| Unit::decode(place) == seen) else { return Ok(false) };
                *place = unit.encode();
                self.note_repaired(&mut state, queue_offset, unit);
                return Ok(true);
            }
        }
        let (base, position) = (self.layout().base_of(queue_offset), self.position_in_file(queue_offset));
        let file = self.open_file(base)?;
        let mut present = [0; UNIT_BYTES];
        file.read_exact_at(&mut present, position)?;
        if Unit::decode(&present) != seen {
            return Ok(false);
        }
        file.write_all_at(&unit.encode(), position)?;
        let mut state = self.state.lock();
        self.note_repaired(&mut state, queue_offset, unit);
        self.note_unsynced(&mut state, base);
        Ok(true)
    }
}

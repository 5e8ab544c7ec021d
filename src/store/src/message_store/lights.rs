//! Putting a message into the light queues it names: see [`crate::light_queues`].

use std::sync::Arc;

use message::{
    encode::{EncodeError, PreparedRecord},
    property_names,
    sys_flag::TransactionType,
};

use super::MessageStore;
use crate::{
    arrival::Arrival,
    commit_log::Placed,
    consume_queue::{QueueKind, TableError},
    error::PutError,
    light_queues::{LIGHT_QUEUE_ID, is_light, joined, names},
    put::PendingMessage,
};

/// The queues a message names, in its order; `None` for a name that is none of a light queue.
pub(super) struct Lights(Vec<Option<Light>>);

/// A light queue, and the offset the message gets in it once it is assigned.
struct Light {
    name: Arc<str>,
    queue_offset: i64,
}

impl Lights {
    fn iter(&self) -> impl Iterator<Item = &Light> {
        self.0.iter().flatten()
    }
}

/// The message without the offsets its sender says it has.
pub(super) fn without_offsets(message: &PendingMessage) -> PendingMessage {
    let mut message = message.clone();
    message.properties.remove(property_names::INNER_MULTI_QUEUE_OFFSET);
    message
}

impl MessageStore {
    /// The light queues of a message, which exist from now on; `None` for a message that names none.
    pub(super) fn lights_of(&self, message: &PendingMessage) -> Result<Option<Lights>, PutError> {
        if !TransactionType::of(message.sys_flag).is_queued() {
            return Ok(None);
        }
        let mut lights = Vec::new();
        for name in names(&message.topic, message.properties.as_bytes()) {
            lights.push(if is_light(name) {
                let queue = self.queues.get_or_create(name, LIGHT_QUEUE_ID);
                let queue = queue.map_err(PutError::ConsumeQueue)?;
                // A topic of that name may have been made before light queues were turned on.
                let is_simple = queue.kind() == QueueKind::Simple;
                is_simple.then(|| Light { name: Arc::clone(queue.topic()), queue_offset: 0 })
            } else {
                None
            });
        }
        Ok((!lights.is_empty()).then_some(Lights(lights)))
    }

    /// Gives the message its offsets and writes them into its record; under the append lock.
    pub(super) fn assign_lights(
        &self,
        lights: &mut Lights,
        record: &mut PreparedRecord<'_>,
        holds_back: bool,
    ) -> Result<(), EncodeError> {
        for light in lights.0.iter_mut().flatten() {
            // A queue that was deleted meanwhile begins anew.
            let queue = self.queues.get(&light.name, LIGHT_QUEUE_ID).ok().flatten();
            light.queue_offset = queue.map_or(0, |queue| self.next_queue_offset(&queue, holds_back));
        }
        let offsets = joined(lights.0.iter().map(|light| light.as_ref().map(|light| light.queue_offset)));
        record.add_property(property_names::INNER_MULTI_QUEUE_OFFSET, &offsets)
    }

    /// Appends a unit in each queue, or takes note that one will come.
    pub(super) fn push_lights(
        &self,
        lights: &Lights,
        placed: &Placed,
        message: &PendingMessage,
        record: &PreparedRecord<'_>,
    ) -> Result<(), TableError> {
        let unit = self.unit_of(message, record, placed.phy_offset, placed.store_timestamp);
        for light in lights.iter() {
            if self.options.now().holds_back_unflushed() {
                self.note_assigned(&light.name, LIGHT_QUEUE_ID, light.queue_offset + 1);
            } else {
                self.queues.append(&light.name, LIGHT_QUEUE_ID, light.queue_offset, unit)?;
            }
        }
        Ok(())
    }

    /// Tells whoever waits at one of the queues (`notifyMessageArrive4MultiQueue`).
    pub(super) fn lights_arrived(&self, lights: &Lights, placed: &Placed, message: &PendingMessage) {
        let tags_code = self.unit_tags_code(message, placed.store_timestamp);
        for light in lights.iter() {
            self.arrival.arrived(&Arrival {
                topic: &light.name,
                queue_id: LIGHT_QUEUE_ID,
                next_queue_offset: light.queue_offset + 1,
                tags_code,
                store_timestamp: placed.store_timestamp,
                properties: message.properties.as_bytes(),
            });
        }
    }
}

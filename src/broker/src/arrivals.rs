//! Who hears of a message when it can be consumed.

use std::sync::Arc;

use common::names;
use store::arrival::{Arrival, MessageArrival};

use crate::{
    parts::EarlyParts, pop::WaitingRooms, pull::arrival_board::ArrivalBoard,
    schedule::service::ScheduleMessageService,
};

/// Wakes the pulls and pops that wait for a message, and the delivery of delayed ones.
#[derive(Debug)]
pub struct Arrivals {
    board: Arc<ArrivalBoard>,
    rooms: WaitingRooms,
    schedule: Arc<ScheduleMessageService>,
}

impl Arrivals {
    /// Tells these.
    pub fn new(early: &EarlyParts) -> Self {
        let EarlyParts { board, rooms, schedule, .. } = early.clone();
        Self { board, rooms, schedule }
    }
}

impl MessageArrival for Arrivals {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if &**arrival.topic == names::SCHEDULE_TOPIC {
            self.schedule.arrived(arrival.queue_id);
        }
        self.board.arrived(arrival);
        self.rooms.arrived(arrival);
    }
}

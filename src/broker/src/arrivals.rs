//! Who hears of a message when it can be consumed.

use std::sync::Arc;

use common::names;
use store::arrival::{Arrival, MessageArrival};

use crate::{
    parts::EarlyParts, pop::WaitingRooms, pull::arrival_board::ArrivalBoard,
    schedule::service::ScheduleMessageService, timer::service::TimerWaker,
};

/// Wakes the pulls and pops that wait for a message, and those who deliver delayed and timed ones.
#[derive(Debug)]
pub struct Arrivals {
    board: Arc<ArrivalBoard>,
    rooms: WaitingRooms,
    schedule: Arc<ScheduleMessageService>,
    timer: Arc<TimerWaker>,
}

impl Arrivals {
    /// Tells these.
    pub fn new(early: &EarlyParts) -> Self {
        let EarlyParts { board, rooms, schedule, waker, .. } = early.clone();
        Self { board, rooms, schedule, timer: waker }
    }
}

impl MessageArrival for Arrivals {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if &**arrival.topic == names::SCHEDULE_TOPIC {
            self.schedule.arrived(arrival.queue_id);
        }
        if &**arrival.topic == names::TIMER_TOPIC {
            self.timer.wake();
        }
        self.board.arrived(arrival);
        self.rooms.arrived(arrival);
    }
}

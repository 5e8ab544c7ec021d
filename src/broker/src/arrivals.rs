//! Who hears of a message when it can be consumed.

use std::sync::Arc;

use common::names;
use store::arrival::{Arrival, MessageArrival};

use crate::{pull::arrival_board::ArrivalBoard, schedule::service::ScheduleMessageService};

/// Wakes the pulls that wait for a message, and the delivery of delayed ones.
#[derive(Debug)]
pub struct Arrivals {
    board: Arc<ArrivalBoard>,
    schedule: Arc<ScheduleMessageService>,
}

impl Arrivals {
    /// Tells these two.
    pub fn new(board: Arc<ArrivalBoard>, schedule: Arc<ScheduleMessageService>) -> Self {
        Self { board, schedule }
    }
}

impl MessageArrival for Arrivals {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if &**arrival.topic == names::SCHEDULE_TOPIC {
            self.schedule.arrived(arrival.queue_id);
        }
        self.board.arrived(arrival);
    }
}

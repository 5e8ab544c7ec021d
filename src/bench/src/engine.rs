//! The loop of one connection: fills its window, writes once, reads, and matches answers with what was asked.

use std::time::Duration;

use bytes::Bytes;
use remoting::{codec::Frame, command::CommandRef};

use crate::{
    pacer::{Alarm, Pacer},
    stage::Stage,
    tally::Fault,
    template::OPAQUE_BASE,
    wire::{Wire, WireError},
};

/// Requests that can be in flight on one connection.
pub(crate) const WINDOW_MAX: usize = 1 << 16;
const GENERATIONS: i32 = 1 << 14;

/// A request that is about to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// To be put into its header.
    pub(crate) opaque: i32,
    /// When it was due; in a closed loop that is now.
    pub(crate) due: Duration,
    /// The run's clock.
    pub(crate) now: Duration,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// Its header.
    pub(crate) command: &'a CommandRef<'a>,
    /// Its body.
    pub(crate) body: Bytes,
    /// That of the request.
    pub(crate) opaque: i32,
    /// When it came.
    pub(crate) now: Duration,
}

/// What an answer leads to.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// So many messages are done; the time they took counts.
    Done(u64),
    /// Nothing to be counted.
    Nothing,
    /// A further request under the same opaque, already written to `out`; the time counts on.
    Further(T),
}

/// What one connection asks, and what it makes of the answers.
pub(crate) trait Asker {
    /// What is to be known of a request when its answer comes.
    type Asked;

    /// Appends a request to `out`; `None` when there is none before an answer has come.
    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<Self::Asked>;

    /// Takes an answer.
    fn answered(&mut self, asked: Self::Asked, answer: Answer<'_>, out: &mut Vec<u8>) -> Step<Self::Asked>;

    /// Whether it asks once while the load warms up, whatever its pace: a client makes itself known when it connects.
    fn greets(&self) -> bool {
        false
    }

    /// Whether there is nothing more to be asked, whatever the time.
    fn is_done(&self) -> bool {
        false
    }
}

/// Asks until the stage is over and everything is answered.
///
/// # Errors
/// When the connection fails before.
pub(crate) async fn drive<A: Asker>(
    stage: &Stage,
    wire: &mut Wire,
    asker: &mut A,
    pacer: &mut Pacer,
    depth: usize,
) -> Result<(), WireError> {
    let alarm = pacer.is_open_loop().then(Alarm::new).transpose()?;
    let mut window = Window::new(depth);
    loop {
        let now = stage.now();
        let wake = fill(stage, wire, asker, pacer, &mut window, now);
        if window.is_empty() && (asker.is_done() || stage.is_over(now)) {
            return Ok(());
        }
        let ring = alarm.as_ref().zip(wake).map(|(alarm, wake)| (alarm, wake, now));
        if let Err(error) = wire.turn(ring).await {
            let unanswered = window.in_flight();
            stage.fault(Fault::Unanswered, unanswered, || format!("{unanswered} requests: {error}"));
            return Err(error);
        }
        let now = stage.now();
        while let Some(frame) = wire.next_frame()? {
            take(stage, wire, asker, &mut window, &frame, now)?;
        }
    }
}

/// Asks what is due and fits; answers when to look again, if not only after an answer.
fn fill<A: Asker>(
    stage: &Stage,
    wire: &mut Wire,
    asker: &mut A,
    pacer: &mut Pacer,
    window: &mut Window<A::Asked>,
    now: Duration,
) -> Option<Duration> {
    while !stage.is_over(now) && !asker.is_done() {
        let due = pacer.due(now);
        if due > now {
            return Some(due.min(stage.times.stop));
        }
        let opaque = window.next_opaque()?;
        let asked = asker.ask(Ask { opaque, due, now }, &mut wire.out)?;
        stage.take_request();
        pacer.advance();
        window.put(opaque, Pending { asked, due });
    }
    None
}

fn take<A: Asker>(
    stage: &Stage,
    wire: &mut Wire,
    asker: &mut A,
    window: &mut Window<A::Asked>,
    frame: &Frame,
    now: Duration,
) -> Result<(), WireError> {
    let command = frame.header()?;
    // What the server itself asks of its clients needs no answer of a load generator.
    if !command.is_response() {
        return Ok(());
    }
    stage.note_answer();
    let opaque = command.opaque;
    let Some(Pending { asked, due }) = window.take(opaque) else {
        stage.fault(Fault::WrongAnswer, 1, || format!("nothing was asked as {opaque}"));
        return Ok(());
    };
    let answer = Answer { command: &command, body: frame.body.clone(), opaque, now };
    match asker.answered(asked, answer, &mut wire.out) {
        Step::Done(messages) => stage.done(due, now, messages),
        Step::Nothing => {}
        Step::Further(asked) => window.put(opaque, Pending { asked, due }),
    }
    Ok(())
}

#[derive(Debug)]
struct Pending<T> {
    asked: T,
    due: Duration,
}

/// Requests in flight by their opaque, which names a slot and how often slots were used before.
#[derive(Debug)]
struct Window<T> {
    slots: Vec<Option<(i32, Pending<T>)>>,
    free: Vec<u16>,
    generation: i32,
}

impl<T> Window<T> {
    fn new(depth: usize) -> Self {
        let depth = depth.clamp(1, WINDOW_MAX);
        Self {
            slots: (0..depth).map(|_| None).collect(),
            free: (0..depth).rev().filter_map(|slot| u16::try_from(slot).ok()).collect(),
            generation: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    fn in_flight(&self) -> u64 {
        (self.slots.len() - self.free.len()) as u64
    }

    /// The opaque the next request will have; `None` when there is no room.
    fn next_opaque(&self) -> Option<i32> {
        let slot = self.free.last()?;
        Some(OPAQUE_BASE + self.generation * WINDOW_MAX as i32 + i32::from(*slot))
    }

    /// Puts a request under the opaque that was asked for last, or taken last.
    fn put(&mut self, opaque: i32, pending: Pending<T>) {
        self.free.pop();
        self.generation = (self.generation + 1) % GENERATIONS;
        if let Some(slot) = self.slots.get_mut(Self::slot(opaque)) {
            *slot = Some((opaque, pending));
        }
    }

    fn take(&mut self, opaque: i32) -> Option<Pending<T>> {
        let index = Self::slot(opaque);
        let slot = self.slots.get_mut(index)?;
        let (_, pending) = slot.take_if(|(asked_as, _)| *asked_as == opaque)?;
        self.free.extend(u16::try_from(index));
        Some(pending)
    }

    fn slot(opaque: i32) -> usize {
        (opaque.wrapping_sub(OPAQUE_BASE) as u32 as usize) % WINDOW_MAX
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;

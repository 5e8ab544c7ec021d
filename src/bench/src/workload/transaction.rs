//! `transaction`: half messages are sent and committed; both together are one message.

use message::message_id;
use remoting::{headers::send::EndTransactionRequestHeader, request::RequestCode};

use super::{
    SETTLE_MAX, SETTLE_PAUSE, Workload,
    produce::IN_FLIGHT,
    pull::read_back,
    send::{Counts, Kind, Requests, Sender, Sent, senders},
};
use crate::{
    args::{Common, Transaction},
    control::{Control, ControlError},
    engine::{Answer, Ask, Asker, Step},
    run::{GROUP, Run, accepted, append_head, drive_all, number},
    tally::Fault,
};

/// `MessageSysFlag.TRANSACTION_COMMIT_TYPE`, which is what `END_TRANSACTION` calls a commit.
const COMMIT: i32 = message::sys_flag::TRANSACTION_COMMIT;

impl Workload for Transaction {
    const NAME: &'static str = "transaction";
    const UNIT: &'static str = "transactions";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let pace = &self.common.pace;
        let in_flight = pace.in_flight.unwrap_or(IN_FLIGHT);
        format!("{} bytes, {in_flight} in flight on {} connections", self.size, pace.connections)
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let pace = &self.common.pace;
        let requests = Requests::new(run.field, run.id, Kind::Half, self.size, 1);
        let senders = senders(run, &requests, self.streams(), Counts::Acknowledgements);
        let askers = senders.into_iter().map(|(broker, sender)| (broker, Committer { sender })).collect();
        drive_all(run, run.stage, askers, pace.rate, pace.in_flight.unwrap_or(IN_FLIGHT) as usize).await;
        Ok(())
    }

    /// Queues must have grown by as many messages as were committed.
    async fn settle(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError> {
        let limit = run.stage.now() + SETTLE_MAX;
        loop {
            let ends = run.field.ends(control).await?;
            let grown =
                |(place, end): (usize, &i64)| ((*end).max(0) as u64).saturating_sub(run.ledger.begin(place));
            let stored: u64 = ends.iter().enumerate().map(grown).sum();
            let lost = run.ledger.acknowledged().saturating_sub(stored);
            if lost == 0 || run.stage.now() > limit {
                run.stage.fault(Fault::Lost, lost, || "committed, and not in the queues".to_owned());
                break;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
        if self.read_back { read_back(run, control).await } else { Ok(()) }
    }
}

/// A connection that sends half messages and commits each as soon as it is stored.
struct Committer<'a> {
    sender: Sender<'a>,
}

/// Which step of a transaction is asked.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Half(Sent),
    Commit(Sent),
}

impl Asker for Committer<'_> {
    type Asked = Asked;

    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<Asked> {
        self.sender.ask(ask, out).map(Asked::Half)
    }

    fn answered(&mut self, asked: Asked, answer: Answer<'_>, out: &mut Vec<u8>) -> Step<Asked> {
        let run = self.sender.run;
        if !accepted(run.stage, &answer) {
            return Step::Nothing;
        }
        match asked {
            Asked::Half(sent) => {
                let id = answer.command.ext.get("msgId").unwrap_or_default();
                let queue_offset = number(answer.command, "queueOffset");
                let Some((queue_offset, (_, phy_offset))) = queue_offset.zip(message_id::decode(id)) else {
                    run.stage.fault(Fault::WrongAnswer, 1, || {
                        format!("half message {id:?} at queue offset {queue_offset:?}")
                    });
                    return Step::Nothing;
                };
                self.commit(sent, answer.opaque, queue_offset, phy_offset, out);
                Step::Further(Asked::Commit(sent))
            }
            Asked::Commit(sent) => {
                run.ledger.acknowledge(self.sender.stream, sent.first, 1);
                Step::Done(1)
            }
        }
    }
}

impl Committer<'_> {
    fn commit(&self, sent: Sent, opaque: i32, queue_offset: i64, phy_offset: i64, out: &mut Vec<u8>) {
        let run = self.sender.run;
        let key = format!("{:016X}{:016X}", run.id, self.sender.key(sent.first));
        let header = EndTransactionRequestHeader {
            topic: Some(run.field.name(sent.place).0.to_owned()),
            producer_group: GROUP.to_owned(),
            tran_state_table_offset: queue_offset,
            commit_log_offset: phy_offset,
            commit_or_rollback: COMMIT,
            from_transaction_check: false,
            msg_id: key.clone(),
            transaction_id: Some(key),
        };
        append_head(out, run.field, RequestCode::EndTransaction, opaque, &header, 0);
    }
}

//! How queues are divided among the members of a group (`AllocateMessageQueueStrategy`). Every member gets its
//! part from the same two sorted lists, so that the parts fit together.

use std::collections::BTreeSet;

use remoting::body::consumer::MessageQueue;

/// A way to divide queues that brokers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocateStrategy {
    /// Neighbouring queues.
    Averagely,
    /// One queue after the other in turn.
    AveragelyByCircle,
}

impl AllocateStrategy {
    /// The strategy of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "AVG" => Some(Self::Averagely),
            "AVG_BY_CIRCLE" => Some(Self::AveragelyByCircle),
            _ => None,
        }
    }

    /// The part of the member at `index` of `member_count`.
    pub fn part<T: Clone>(self, queues: &[T], index: usize, member_count: usize) -> Vec<T> {
        match self {
            Self::Averagely => neighbouring(queues, index, member_count),
            Self::AveragelyByCircle => {
                queues.iter().skip(index).step_by(member_count.max(1)).cloned().collect()
            }
        }
    }
}

fn neighbouring<T: Clone>(queues: &[T], index: usize, member_count: usize) -> Vec<T> {
    let count = member_count.max(1);
    let (size, larger_parts) = (queues.len() / count, queues.len() % count);
    let begin = index * size + index.min(larger_parts);
    let size = size + usize::from(index < larger_parts);
    queues.iter().skip(begin).take(size).cloned().collect()
}

/// The queues a popping member works on (`allocate4Pop`): all of every broker, queue -1, unless few members
/// are to share; then its part and those of the members that follow.
pub fn allocate_for_pop(
    strategy: AllocateStrategy,
    queues: &[MessageQueue],
    members: &[String],
    client_id: &str,
    share_queue_num: i32,
) -> BTreeSet<MessageQueue> {
    let shared = usize::try_from(share_queue_num).unwrap_or(0);
    if shared == 0 || shared + 1 >= members.len() {
        return queues.iter().map(|queue| MessageQueue { queue_id: -1, ..queue.clone() }).collect();
    }
    let Some(index) = members.iter().position(|member| member == client_id) else { return BTreeSet::new() };
    if members.len() > queues.len() {
        // So that each member has one.
        return queues.get(index % queues.len().max(1)).cloned().into_iter().collect();
    }
    let parts = (0..=shared).map(|step| (index + step) % members.len());
    parts.flat_map(|index| strategy.part(queues, index, members.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(count: i32) -> Vec<MessageQueue> {
        (0..count).map(|queue_id| MessageQueue::new("T", "b", queue_id)).collect()
    }

    fn members(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("c{index}")).collect()
    }

    fn ids<'a>(queues: impl IntoIterator<Item = &'a MessageQueue>) -> Vec<i32> {
        queues.into_iter().map(|queue| queue.queue_id).collect()
    }

    #[test]
    fn parts_are_rocketmqs() {
        let eight = queues(8);
        let part = |strategy: AllocateStrategy, index, count| ids(&strategy.part(&eight, index, count));
        let by_neighbours: Vec<_> = (0..3).map(|index| part(AllocateStrategy::Averagely, index, 3)).collect();
        assert_eq!(by_neighbours, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
        let in_turn: Vec<_> =
            (0..3).map(|index| part(AllocateStrategy::AveragelyByCircle, index, 3)).collect();
        assert_eq!(in_turn, [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
        assert_eq!(part(AllocateStrategy::Averagely, 7, 10), [7]);
        assert!(part(AllocateStrategy::Averagely, 9, 10).is_empty());
        assert_eq!(AllocateStrategy::named("CONSISTENT_HASH"), None);
    }

    #[test]
    fn popping_members_share() {
        let strategy = AllocateStrategy::Averagely;
        let allocate = |queue_num, member_num: usize, client: &str, share| {
            ids(&allocate_for_pop(strategy, &queues(queue_num), &members(member_num), client, share))
        };
        assert_eq!(allocate(8, 2, "c0", -1), [-1]);
        assert_eq!(allocate(8, 2, "c0", 1), [-1]);
        assert_eq!(allocate(8, 4, "c3", 1), [0, 1, 6, 7]);
        assert_eq!(allocate(2, 4, "c3", 1), [1]);
        assert!(allocate(8, 4, "stranger", 1).is_empty());
    }
}

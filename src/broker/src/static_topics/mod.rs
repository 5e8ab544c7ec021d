//! Static topics: topics whose number of logical queues stays, wherever the physical ones are.
//!
//! Lives here: the mappings ([`TopicQueueMappingManager`]), the layer before the processors that knows
//! logical queues ([`StaticTopicLayer`]), and the cleaning of what mappings no longer need. Processors see
//! physical queues only. A request for a logical queue is answered by the broker that leads it; where an
//! older stretch is held by another broker, that one is asked ([`OtherBrokers`]).

mod cleaning;
mod layer;
mod logic_queue;
mod manager;
mod offset_requests;
mod other_brokers;
mod pull;
mod queue_requests;
mod rules;

pub use cleaning::TopicQueueMappingCleanService;
pub use layer::{StaticTopicLayer, StaticTopics};
pub use manager::{TOPIC_QUEUE_MAPPING_FILE, TopicQueueMappingManager};
pub use other_brokers::OtherBrokers;
pub use rules::{MappingError, Replacement};

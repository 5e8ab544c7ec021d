//! Response codes (`ResponseCode`, `RemotingSysResponseCode`).

macro_rules! response_codes {
    ($($(#[$doc:meta])* $code:literal $name:ident,)*) => {
        /// A response code as it travels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct ResponseCode(pub i32);

        impl ResponseCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// RocketMQ's name of every known code.
            pub const NAMES: &'static [(i32, &'static str)] = &[$(($code, stringify!($name))),*];

            /// RocketMQ's name of the code.
            pub fn name(self) -> Option<&'static str> {
                Self::NAMES.iter().find(|(code, _)| *code == self.0).map(|(_, name)| *name)
            }

            /// Number and name as people read them: `TOPIC_NOT_EXIST (17)`.
            pub fn label(self) -> String {
                match self.name() {
                    Some(name) => format!("{name} ({})", self.0),
                    None => format!("code {}", self.0),
                }
            }
        }
    };
}

response_codes! {
    /// Done.
    0 SUCCESS,
    /// The server failed; producers try again elsewhere.
    1 SYSTEM_ERROR,
    /// The server sheds load.
    2 SYSTEM_BUSY,
    /// The server does not know the request.
    3 REQUEST_CODE_NOT_SUPPORTED,
    /// Not used by servers.
    4 TRANSACTION_FAILED,
    /// Stored, but the flush did not end in time.
    10 FLUSH_DISK_TIMEOUT,
    /// Stored, but there is no slave to copy to.
    11 SLAVE_NOT_AVAILABLE,
    /// Stored, but the slaves did not answer in time.
    12 FLUSH_SLAVE_TIMEOUT,
    /// The message breaks a limit.
    13 MESSAGE_ILLEGAL,
    /// The store takes no messages now.
    14 SERVICE_NOT_AVAILABLE,
    /// The peer's version is too old for the request.
    15 VERSION_NOT_SUPPORTED,
    /// Forbidden by a permission.
    16 NO_PERMISSION,
    /// No such topic here.
    17 TOPIC_NOT_EXIST,
    /// Not used by servers.
    18 TOPIC_EXIST_ALREADY,
    /// No message yet.
    19 PULL_NOT_FOUND,
    /// Nothing in this stretch; pull again at the given offset.
    20 PULL_RETRY_IMMEDIATELY,
    /// The offset is outside the queue; pull again at the given offset.
    21 PULL_OFFSET_MOVED,
    /// What was asked for is not there.
    22 QUERY_NOT_FOUND,
    /// The subscription cannot be read.
    23 SUBSCRIPTION_PARSE_FAILED,
    /// The group or its subscription is not known yet.
    24 SUBSCRIPTION_NOT_EXIST,
    /// The broker knows an older subscription than the request names.
    25 SUBSCRIPTION_NOT_LATEST,
    /// No such group here.
    26 SUBSCRIPTION_GROUP_NOT_EXIST,
    /// The filter of the subscription is not known yet.
    27 FILTER_DATA_NOT_EXIST,
    /// The broker knows an older filter than the request names.
    28 FILTER_DATA_NOT_LATEST,
    /// A parameter breaks a rule.
    29 INVALID_PARAMETER,
    /// Not used by servers.
    200 TRANSACTION_SHOULD_COMMIT,
    /// Not used by servers.
    201 TRANSACTION_SHOULD_ROLLBACK,
    /// Not used by servers; the name is RocketMQ's.
    202 TRANSACTION_STATE_UNKNOW,
    /// Not used by servers.
    203 TRANSACTION_STATE_GROUP_WRONG,
    /// In the clients' retry set only.
    204 NO_BUYER_ID,
    /// In the clients' retry set only.
    205 NOT_IN_CURRENT_UNIT,
    /// No member of the group is connected.
    206 CONSUMER_NOT_ONLINE,
    /// A consumer did not answer in time.
    207 CONSUME_MSG_TIMEOUT,
    /// The offset names no message.
    208 NO_MESSAGE,
    /// No room for another pop long poll.
    209 POLLING_FULL,
    /// A pop long poll found nothing.
    210 POLLING_TIMEOUT,
    /// No such broker in a container.
    211 BROKER_NOT_EXIST,
    /// Not used by servers.
    212 BROKER_DISPATCH_NOT_COMPLETE,
    /// Raised by the admin client for broadcasting groups.
    213 BROADCAST_CONSUMPTION,
    /// Not used by servers; clients slow down.
    215 FLOW_CONTROL,
    /// The static topic's queue lives on another broker.
    501 NOT_LEADER_FOR_QUEUE,
    /// The request does not fit the state it found.
    604 ILLEGAL_OPERATION,
    /// The server is shutting down; connect elsewhere.
    1500 GO_AWAY,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_names() {
        assert_eq!(ResponseCode::PULL_OFFSET_MOVED.name(), Some("PULL_OFFSET_MOVED"));
        assert_eq!(ResponseCode(-7).name(), None);
    }
}

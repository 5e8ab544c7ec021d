//! What goes wrong below, in RocketMQ's codes and remarks: the one place that knows both.

use filter::UnsupportedExpression;
use message::batch::MalformedBatch;
use remoting::{reply::Refusal, response_code::ResponseCode};
use store::error::{IllegalMessage, PutError, Unavailable};

use crate::{
    clients::SubscriptionError,
    filters::{CheckError, FilterDataError},
};

/// A message the store did not take.
///
/// `max_message_size_bytes` is the limit the remark names.
pub fn put_refused(error: &PutError, max_message_size_bytes: usize) -> Refusal {
    match error {
        PutError::ServiceNotAvailable(why) => unavailable(why),
        PutError::MessageIllegal(why) => illegal(why, max_message_size_bytes),
        PutError::CreateMappedFileFailed(_) => {
            Refusal::system_error("create mapped file failed, server is busy or broken.")
        }
        PutError::ConsumeQueue(_) | PutError::NotDispatched { .. } => {
            Refusal::system_error(error.to_string())
        }
    }
}

/// The store takes nothing now: Java's remark, then what it is this time.
fn unavailable(why: &Unavailable) -> Refusal {
    let remark = format!(
        "service not available now. It may be caused by one of the following reasons: the broker's disk is full \
         [{why}], messages are put to the slave, message store has been shut down, etc."
    );
    Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, remark)
}

/// Java's remark; what it is this time goes to the log.
fn illegal(why: &IllegalMessage, max_message_size_bytes: usize) -> Refusal {
    tracing::debug!(%why, "message refused");
    message_illegal(max_message_size_bytes)
}

/// A message that breaks a limit or a rule.
pub fn message_illegal(max_message_size_bytes: usize) -> Refusal {
    let remark = format!(
        "the message is illegal, maybe msg body or properties length not matched. msg body length limit \
         {max_message_size_bytes}B, msg properties length limit 32KB."
    );
    Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark)
}

/// The flush this message waited for has failed: it may be lost, and nothing is promised any more.
pub fn store_fenced() -> Refusal {
    unavailable(&Unavailable::Fenced { reason: "flush failed, see the broker's log".to_owned() })
}

/// A half message.
pub fn transactions_forbidden(broker_ip: &str) -> Refusal {
    let remark = format!("the broker[{broker_ip}] sending transaction message is forbidden");
    Refusal::new(ResponseCode::NO_PERMISSION, remark)
}

/// A message whose delay level is no number.
pub fn unreadable_delay_level() -> Refusal {
    Refusal::system_error("the delay level of the message is not a number")
}

/// A message, or a batch, of nothing.
pub fn empty_body() -> Refusal {
    Refusal::system_error("the message has no body")
}

/// A batch whose body is not a list of messages.
pub fn malformed_batch(error: &MalformedBatch) -> Refusal {
    Refusal::system_error(error.to_string())
}

/// A batch that is larger than one message may be.
pub fn batch_too_large() -> Refusal {
    Refusal::system_error("message body size exceeded")
}

/// A subscription in a request that cannot be read; what is wrong with it goes to the log.
pub fn subscription_not_parsed(error: &SubscriptionError) -> Refusal {
    tracing::debug!(%error, "subscription refused");
    Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, "parse the consumer's subscription failed")
}

/// A subscription by something this broker does not filter by.
pub fn unsupported_expression(error: &UnsupportedExpression) -> Refusal {
    Refusal::system_error(error.to_string())
}

/// A pull by a filter that the group's heartbeats have not brought.
pub fn filter_data(error: &FilterDataError) -> Refusal {
    let code = match error {
        FilterDataError::Missing => ResponseCode::FILTER_DATA_NOT_EXIST,
        FilterDataError::NotLatest => ResponseCode::FILTER_DATA_NOT_LATEST,
        FilterDataError::Unsupported(unsupported) => return unsupported_expression(unsupported),
    };
    Refusal::new(code, error.to_string())
}

/// A subscription a client is about to use and cannot.
pub fn subscription_check(error: &CheckError) -> Refusal {
    match error {
        CheckError::Unsupported(unsupported) => unsupported_expression(unsupported),
        CheckError::UnknownType(_) | CheckError::Parse(_) => {
            Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, error.to_string())
        }
    }
}

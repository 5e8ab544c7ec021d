//! The pointer to RocketMQ's FAQ that ends many of its remarks (`FAQUrl`).

/// What RocketMQ appends to a remark, whatever its subject: a line break and where to read on.
pub const SUGGESTION: &str = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/// A remark with the pointer behind it (`FAQUrl.suggestTodo`).
pub fn with_suggestion(remark: &str) -> String {
    [remark, SUGGESTION].concat()
}

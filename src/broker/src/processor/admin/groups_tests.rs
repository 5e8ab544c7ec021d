use remoting::{
    header::NoHeader,
    headers::consumer::{
        DeleteSubscriptionGroupRequestHeader, GetSubscriptionGroupConfigRequestHeader,
        QuerySubscriptionByConsumerRequestHeader, UpdateGroupForbiddenRequestHeader,
    },
    request::Request,
};

use super::*;
use crate::{
    groups::GROUPS_FILE,
    processor::admin::testing::{Fixture, incoming, text},
};

async fn ask<R: Request>(fixture: &Fixture, header: R::Header, body: String) -> Result<String, Refusal>
where
    GroupAdmin: Processor<R>,
{
    let processor = GroupAdmin {
        config: fixture.config.clone(),
        groups: Arc::clone(&fixture.groups),
        offsets: Arc::clone(&fixture.offsets),
        consumers: Arc::clone(&fixture.consumers),
        stats: Arc::clone(&fixture.stats),
        writer: Arc::clone(&fixture.writer),
    };
    processor.process(incoming::<R>(header, body)).await.map(|reply| text(&reply))
}

fn group_json(name: &str) -> String {
    fastjson::to_string(&SubscriptionGroupConfig { retry_max_times: 5, ..SubscriptionGroupConfig::new(name) })
}

fn file(fixture: &Fixture) -> String {
    fixture.memory.text(GROUPS_FILE).unwrap()
}

#[tokio::test]
async fn a_group_is_written_before_the_answer() {
    let fixture = Fixture::new();
    ask::<UpdateAndCreateSubscriptiongroup>(&fixture, NoHeader {}, group_json("G")).await.unwrap();
    assert_eq!(fixture.groups.find("G").unwrap().retry_max_times, 5);
    assert!(file(&fixture).contains("\"G\":{"));
    let list = format!(r#"{{"groupConfigList":[{},{}]}}"#, group_json("H"), group_json("I"));
    ask::<UpdateAndCreateSubscriptiongroupList>(&fixture, NoHeader {}, list).await.unwrap();
    assert!(file(&fixture).contains("\"H\":{") && file(&fixture).contains("\"I\":{"));
    for body in [group_json("no/group"), String::new()] {
        ask::<UpdateAndCreateSubscriptiongroup>(&fixture, NoHeader {}, body).await.unwrap_err();
    }
    let all = ask::<GetAllSubscriptiongroupConfig>(&fixture, NoHeader {}, String::new()).await.unwrap();
    assert!(all.starts_with(r#"{"dataVersion":{"counter":3,"#), "{all}");
    assert!(all.contains(&format!(r#""G":{}"#, group_json("G"))));
    assert!(all.contains(r#""forbiddenTable":{}"#));
}

#[tokio::test]
async fn asking_for_a_group_may_make_it() {
    let header = || GetSubscriptionGroupConfigRequestHeader { group: "G".to_owned() };
    let fixture = Fixture::new();
    let body = ask::<GetSubscriptiongroupConfig>(&fixture, header(), String::new()).await.unwrap();
    assert_eq!(body, fastjson::to_string(&SubscriptionGroupConfig::new("G")));
    assert!(file(&fixture).contains("\"G\":{"));
    let fixture = Fixture::with(|config| config.auto_create_subscription_group = false);
    let refusal = ask::<GetSubscriptiongroupConfig>(&fixture, header(), String::new()).await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (26, "No group in this broker"));
}

#[tokio::test]
async fn a_deleted_group_may_leave_its_offsets() {
    let fixture = Fixture::new();
    let header =
        |clean_offset| DeleteSubscriptionGroupRequestHeader { group_name: "G".to_owned(), clean_offset };
    fixture.offsets.commit(&"client", "G", "T", 0, 1).unwrap();
    fixture.stats.group_get("T", "G", 1, 1);
    ask::<UpdateAndCreateSubscriptiongroup>(&fixture, NoHeader {}, group_json("G")).await.unwrap();
    ask::<DeleteSubscriptiongroup>(&fixture, header(false), String::new()).await.unwrap();
    assert!(!fixture.groups.contains("G") && !file(&fixture).contains("\"G\":{"));
    assert_eq!(fixture.offsets.query("G", "T", 0), Some(1));
    assert!(fixture.stats.find("GROUP_GET_NUMS", "T@G").is_none());
    ask::<DeleteSubscriptiongroup>(&fixture, header(true), String::new()).await.unwrap();
    assert_eq!(fixture.offsets.query("G", "T", 0), None);
}

#[tokio::test]
async fn forbidding_is_written_and_asking_changes_nothing() {
    let fixture = Fixture::new();
    let header = |readable| UpdateGroupForbiddenRequestHeader {
        group: "G".to_owned(),
        topic: "T".to_owned(),
        readable,
    };
    for (wanted, readable) in [(None, true), (Some(false), false), (None, false), (Some(true), true)] {
        let body = ask::<UpdateAndGetGroupForbidden>(&fixture, header(wanted), String::new()).await.unwrap();
        assert_eq!(body, format!(r#"{{"group":"G","readable":{readable},"topic":"T"}}"#));
        if wanted == Some(false) {
            assert!(file(&fixture).contains("\"T\":4"));
        }
    }
}

#[tokio::test]
async fn a_subscription_is_there_or_left_out() {
    let fixture = Fixture::new();
    fixture.consumer("G", "T", fixture.gone_client("c", 479));
    let header = |topic: &str| QuerySubscriptionByConsumerRequestHeader {
        group: "G".to_owned(),
        topic: Some(topic.to_owned()),
    };
    let body = ask::<QuerySubscriptionByConsumer>(&fixture, header("T"), String::new()).await.unwrap();
    assert!(body.starts_with(r#"{"group":"G","subscriptionData":{"classFilterMode":false,"codeSet":[],"#));
    assert!(body.ends_with(r#""topic":"T"},"topic":"T"}"#));
    let body = ask::<QuerySubscriptionByConsumer>(&fixture, header("U"), String::new()).await.unwrap();
    assert_eq!(body, r#"{"group":"G","topic":"U"}"#);
}

use remoting::{headers::topic::DeleteTopicRequestHeader, reply::Refusal};

use super::*;
use crate::{
    metadata::MemoryMetadata,
    processor::admin::testing::{Fixture, incoming},
    topics::TOPICS_FILE,
};

async fn delete(fixture: &Fixture, topic: &str) -> Result<(), Refusal> {
    let processor = TopicDeletion {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        mappings: Arc::clone(&fixture.mappings),
        offsets: Arc::clone(&fixture.offsets),
        store: Arc::clone(&fixture.store),
        timer: None,
        stats: Arc::clone(&fixture.stats),
        writer: Arc::clone(&fixture.writer),
    };
    let header = DeleteTopicRequestHeader { topic: topic.to_owned() };
    processor.process(incoming::<DeleteTopicInBroker>(header, "")).await.map(|_| ())
}

/// A topic with messages, offsets, figures, and the retry topics of pop, as another broker left them.
fn populated(configure: impl FnOnce(&mut BrokerConfig)) -> Fixture {
    let topics = ["T", "U", "%RETRY%G+T", "%RETRY%G_T", "%RETRY%G"];
    let configs = topics.map(|topic| format!(r#""{topic}":{{"topicName":"{topic}"}}"#));
    let file = format!(r#"{{"topicConfigTable":{{{}}}}}"#, configs.join(","));
    let fixture = Fixture::over(MemoryMetadata::with(TOPICS_FILE, &file), configure);
    for topic in topics {
        fixture.store_messages(topic, 0, 2);
    }
    for topic in ["T", "U"] {
        fixture.offsets.commit(&"client", "G", topic, 0, 1).unwrap();
        fixture.stats.topic_put(topic, 2, 200);
    }
    fixture
}

#[tokio::test]
async fn a_topic_goes_with_all_that_is_its_own() {
    let fixture = populated(|_| {});
    delete(&fixture, "T").await.unwrap();
    let left = |topic: &str| (fixture.topics.contains(topic), fixture.store.max_offset(topic, 0).is_some());
    for topic in ["T", "%RETRY%G+T", "%RETRY%G_T"] {
        assert_eq!(left(topic), (false, false), "{topic}");
    }
    for topic in ["U", "%RETRY%G"] {
        assert_eq!(left(topic), (true, true), "{topic}");
    }
    assert!(!fixture.memory.text(TOPICS_FILE).unwrap().contains("\"T\":{"));
    assert_eq!(fixture.offsets.topics_of_group("G"), ["U".to_owned()].into());
    assert!(fixture.stats.find("TOPIC_PUT_NUMS", "T").is_none());
    assert!(fixture.stats.find("TOPIC_PUT_NUMS", "U").is_some());
}

#[tokio::test]
async fn configuration_spares_retry_topics_and_figures() {
    let fixture = populated(|config| {
        config.clear_retry_topic_when_delete_topic = false;
        config.auto_delete_unused_stats = false;
    });
    delete(&fixture, "T").await.unwrap();
    assert!(fixture.topics.contains("%RETRY%G+T") && !fixture.topics.contains("T"));
    assert!(fixture.stats.find("TOPIC_PUT_NUMS", "T").is_some());
}

#[tokio::test]
async fn what_is_not_there_is_deleted_and_what_is_the_systems_is_not() {
    let fixture = Fixture::new();
    delete(&fixture, "none").await.unwrap();
    for (topic, remark) in [
        (" ", "The specified topic is blank."),
        ("SCHEDULE_TOPIC_XXXX", "The topic[SCHEDULE_TOPIC_XXXX] is conflict with system topic."),
    ] {
        let refusal = delete(&fixture, topic).await.unwrap_err();
        assert_eq!((refusal.code().0, refusal.remark()), (29, remark));
    }
    assert!(fixture.topics.contains("SCHEDULE_TOPIC_XXXX"));
}

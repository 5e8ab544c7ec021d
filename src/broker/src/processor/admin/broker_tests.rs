use std::{collections::BTreeMap, path::Path, time::Duration};

use common::config::{BrokerSettings, MachineDefaults};
use remoting::{
    body::kv::KvTable, header::NoHeader, headers::consumer::ViewBrokerStatsDataRequestHeader, lane::Lane,
};

use super::*;
use crate::{
    processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text},
    schedule::delay_levels::DelayLevels,
};

fn settings(text: &str) -> BrokerSettings {
    let machine = MachineDefaults {
        cores: 2,
        host_name: "broker-a".to_owned(),
        local_address: "192.0.2.1".to_owned(),
        user_home: "/nowhere".to_owned(),
        rocketmq_home: None,
        namesrv_addr: None,
    };
    BrokerSettings::load(text.as_bytes(), &[], &machine).unwrap().0
}

fn processor(fixture: &Fixture, settings: BrokerSettings) -> BrokerAdmin {
    let lane = |permits| Arc::new(Lane::without_queue("test", permits));
    let clock = Arc::clone(&fixture.clock) as Arc<dyn runtime::clock::Clock>;
    let levels = DelayLevels::parse("1s 5s").unwrap();
    BrokerAdmin {
        cell: Arc::new(ConfigCell::new(settings, Arc::clone(&clock))),
        store: Arc::clone(&fixture.store),
        schedule: Arc::new(ScheduleMessageService::new(levels, clock)),
        timer: None,
        stats: Arc::clone(&fixture.stats),
        lanes: AdminLanes {
            send: lane(1),
            pull: lane(1),
            lite_pull: lane(1),
            query: lane(1),
            end_transaction: lane(1),
            ack: lane(1),
        },
    }
}

async fn runtime_info(fixture: &Fixture) -> BTreeMap<String, String> {
    let processor = processor(fixture, settings(""));
    let reply: Reply<GetBrokerRuntimeInfo> =
        processor.process(incoming::<GetBrokerRuntimeInfo>(NoHeader {}, "")).await.unwrap();
    fastjson::from_str::<KvTable>(&text(&reply)).unwrap().table
}

#[tokio::test]
async fn figures_are_found_by_name_and_key() {
    let fixture = Fixture::new();
    fixture.stats.topic_put("T", 50, 5_000);
    for _ in 0..11 {
        fixture.stats.sample();
        fixture.clock.advance(Duration::from_secs(1));
    }
    let processor = processor(&fixture, settings(""));
    let header = |name: &str, key: &str| ViewBrokerStatsDataRequestHeader {
        stats_name: name.to_owned(),
        stats_key: key.to_owned(),
    };
    let asked = incoming::<ViewBrokerStatsData>(header("TOPIC_PUT_NUMS", "T"), "");
    let reply: Reply<ViewBrokerStatsData> = processor.process(asked).await.unwrap();
    assert_eq!(
        text(&reply),
        concat!(
            r#"{"statsDay":{"avgpt":50.0,"sum":50,"tps":0.013888888888888888},"#,
            r#""statsHour":{"avgpt":50.0,"sum":50,"tps":0.08333333333333333},"#,
            r#""statsMinute":{"avgpt":50.0,"sum":50,"tps":2.5}}"#
        )
    );
    let asked = incoming::<ViewBrokerStatsData>(header("GROUP_GET_NUMS", "T@G"), "");
    let answered: ReplyResult<ViewBrokerStatsData> = processor.process(asked).await;
    let refusal = answered.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (1, "The stats <GROUP_GET_NUMS> <T@G> not exist"));
}

#[tokio::test]
async fn runtime_figures_are_javas() {
    let fixture = Fixture::new();
    fixture.topic("T", 1);
    fixture.store_messages("T", 0, 3);
    fixture.stats.topic_put("T", 3, 300);
    let info = runtime_info(&fixture).await;
    let is = |key: &str, value: &str| assert_eq!(info.get(key).map(String::as_str), Some(value), "{key}");
    is("brokerVersionDesc", "V5_3_3");
    is("brokerVersion", "479");
    is("brokerActive", "true");
    is("bootTimestamp", &NOW_MILLIS.to_string());
    is("runtime", "[ 0 days, 0 hours, 0 minutes, 3 seconds ]");
    is("getTotalTps", "0.0 0.0 0.0");
    is("msgPutTotalTodayNow", "3");
    is("msgGetTotalYesterdayMorning", "0");
    is("putMessageTimesTotal", "3");
    is("commitLogMinOffset", "0");
    is("commitLogMaxOffset", &fixture.store.max_phy_offset().to_string());
    is("earliestMessageTimeStamp", &NOW_MILLIS.to_string());
    is("sendThreadPoolQueueSize", "0");
    is("pullThreadPoolQueueHeadWaitTimeMills", "0");
    is("sendThreadPoolQueueCapacity", "10000");
    is("timerReadBehind", "0");
    is("remainTransientStoreBufferNumbs", "2147483647");
    for key in ["commitLogDiskRatio", "consumeQueueDiskRatio"] {
        assert!((0.0..=1.0).contains(&info[key].parse::<f64>().unwrap()), "{key}");
    }
    assert!(info["commitLogDirCapacity"].starts_with("Total : "));
    assert!(info.keys().any(|key| key.starts_with("commitLogDiskRatio_/") && key.ends_with("commitlog")));
}

#[tokio::test]
async fn a_log_without_a_file_begins_nowhere() {
    let info = runtime_info(&Fixture::new()).await;
    assert_eq!(info["commitLogMinOffset"], "-1");
    assert_eq!(info["commitLogMaxOffset"], "0");
    assert_eq!(info["earliestMessageTimeStamp"], "-1");
}

/// The figures of a Java 5.3.3 broker that this one does not know.
const UNKNOWN_HERE: [&str; 1] = ["scheduleMessageOffset_1"];

/// The names in the answer of a Java 5.3.3 broker.
const JAVA: &str = "EndTransactionQueueSize EndTransactionThreadPoolQueueCapacity ackThreadPoolQueueCapacity \
    ackThreadPoolQueueHeadWaitTimeMills ackThreadPoolQueueSize bootTimestamp brokerActive brokerVersion \
    brokerVersionDesc commitLogDirCapacity commitLogDiskRatio commitLogMaxOffset commitLogMinOffset \
    consumeQueueDiskRatio dispatchBehindBytes dispatchMaxBuffer earliestMessageTimeStamp getFoundTps \
    getMessageEntireTimeMax getMissTps getTotalTps getTransferredTps litePullThreadPoolQueueCapacity \
    litePullThreadPoolQueueHeadWaitTimeMills litePullThreadPoolQueueSize msgGetTotalTodayMorning \
    msgGetTotalTodayNow msgGetTotalYesterdayMorning msgPutTotalTodayMorning msgPutTotalTodayNow \
    msgPutTotalYesterdayMorning pageCacheLockTimeMills pullThreadPoolQueueCapacity \
    pullThreadPoolQueueHeadWaitTimeMills pullThreadPoolQueueSize putLatency99 putLatency999 \
    putMessageAverageSize putMessageDistributeTime putMessageEntireTimeMax putMessageFailedTimes \
    putMessageSizeTotal putMessageTimesTotal putTps queryThreadPoolQueueCapacity \
    queryThreadPoolQueueHeadWaitTimeMills queryThreadPoolQueueSize remainHowManyDataToFlush \
    remainTransientStoreBufferNumbs runtime scheduleMessageOffset_1 sendThreadPoolQueueCapacity \
    sendThreadPoolQueueHeadWaitTimeMills sendThreadPoolQueueSize startAcceptSendRequestTimeStamp \
    timerCongestNum timerDequeueTps timerEnqueueTps timerOffsetBehind timerReadBehind";

#[tokio::test]
async fn every_name_java_has_is_given_or_known_to_be_missing() {
    let info = runtime_info(&Fixture::new()).await;
    let missing: Vec<&str> = JAVA.split_whitespace().filter(|key| !info.contains_key(*key)).collect();
    assert_eq!(missing, UNKNOWN_HERE);
    let is_javas = |key: &str| JAVA.split_whitespace().any(|known| known == key);
    let own: Vec<&String> = info.keys().filter(|key| !is_javas(key)).collect();
    assert!(own.iter().all(|key| Path::new(key.as_str()).ends_with("commitlog")), "{own:?}");
}

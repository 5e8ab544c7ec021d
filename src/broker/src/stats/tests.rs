use remoting::body::admin::BrokerStatsItem;
use runtime::clock::ManualClock;

use super::*;

const MORNING_MILLIS: i64 = 20_000 * DAY_MILLIS;

fn stats(clock: &Arc<ManualClock>) -> BrokerStats {
    let sources = StatsSources {
        counts_light_queues_apart: false,
        is_system: Box::new(|topic| topic.starts_with("rmq_sys_")),
        store: Box::new(|| StoreTotals { put: 7, ..StoreTotals::default() }),
        put_times: Box::new(TimeCounts::default),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        utc_offset_millis: 0,
    };
    BrokerStats::new("C", sources)
}

fn pass(stats: &BrokerStats, clock: &ManualClock, seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        stats.sample();
    }
}

#[test]
fn figures_follow_by_topic_and_group() {
    let clock = Arc::new(ManualClock::at(MORNING_MILLIS));
    let stats = stats(&clock);
    stats.sample();
    stats.topic_put("T", 3, 300);
    stats.group_get("T", "G", 2, 200);
    stats.sent_back("T", "G");
    assert_eq!(stats.find("TOPIC_PUT_NUMS", "T").unwrap().stats_minute.sum, 0);
    pass(&stats, &clock, 10);
    assert_eq!(stats.find("TOPIC_PUT_NUMS", "T").unwrap().stats_minute.sum, 3);
    let bytes = stats.find("TOPIC_PUT_SIZE", "T").unwrap().stats_minute;
    assert_eq!(bytes, BrokerStatsItem { avgpt: 300.0, sum: 300, tps: 30.0 });
    assert_eq!(stats.find("GROUP_GET_NUMS", "T@G").unwrap().stats_minute.sum, 2);
    assert_eq!(stats.find("GROUP_GET_SIZE", "T@G").unwrap().stats_minute.sum, 200);
    assert_eq!(stats.find("SNDBCK_PUT_NUMS", "T@G").unwrap().stats_minute.sum, 1);
    assert_eq!(stats.find("BROKER_PUT_NUMS", "C").unwrap().stats_minute.sum, 3);
    assert_eq!((stats.topic_put_tps("T"), stats.group_get_tps("T", "G")), (0.3, 0.2));
    assert_eq!(stats.find("TOPIC_PUT_NUMS", "T").unwrap().stats_hour.sum, 0);
    pass(&stats, &clock, 3_600);
    let figures = stats.find("TOPIC_PUT_NUMS", "T").unwrap();
    assert_eq!((figures.stats_minute.sum, figures.stats_hour.sum, figures.stats_day.sum), (0, 3, 3));
    assert_eq!((stats.topic_put_tps("T"), stats.topic_put_tps("never")), (0.0, 0.0));
}

#[test]
fn what_was_never_counted_has_no_figures() {
    let stats = stats(&Arc::new(ManualClock::at(MORNING_MILLIS)));
    stats.topic_put("T", 1, 1);
    for (name, key) in [
        ("TOPIC_PUT_NUMS", "U"),
        ("GROUP_GET_NUMS", "T"),
        ("GROUP_GET_NUMS", "T@G"),
        ("BROKER_PUT_NUMS", "other"),
        ("BROKER_GET_NUMS", "C"),
        ("NO_SUCH_NAME", "T"),
    ] {
        assert_eq!(stats.find(name, key), None, "{name} {key}");
    }
}

#[test]
fn deleted_topics_and_groups_are_forgotten() {
    let stats = stats(&Arc::new(ManualClock::at(MORNING_MILLIS)));
    for topic in ["T", "U"] {
        stats.topic_put(topic, 1, 1);
        for group in ["G", "H"] {
            stats.group_get(topic, group, 1, 1);
            stats.sent_back(topic, group);
        }
    }
    stats.topic_deleted("T");
    stats.group_deleted("H");
    assert!(stats.find("TOPIC_PUT_NUMS", "T").is_none() && stats.find("TOPIC_PUT_NUMS", "U").is_some());
    for name in ["GROUP_GET_NUMS", "SNDBCK_PUT_NUMS"] {
        let left = ["T@G", "T@H", "U@G", "U@H"].map(|key| stats.find(name, key).is_some());
        assert_eq!(left, [false, false, true, false], "{name}");
    }
}

#[test]
fn days_turn_at_midnight_and_leave_system_topics_out() {
    let clock = Arc::new(ManualClock::at(MORNING_MILLIS + DAY_MILLIS - 1_000));
    let stats = stats(&clock);
    stats.topic_put("T", 5, 1);
    stats.topic_put("rmq_sys_x", 9, 1);
    stats.sample();
    assert_eq!(stats.put_by_day(), DailyTotals { now: 5, ..DailyTotals::default() });
    pass(&stats, &clock, 1);
    stats.topic_put("T", 1, 1);
    stats.group_get("T", "G", 2, 1);
    assert_eq!(stats.put_by_day(), DailyTotals { yesterday_morning: 0, today_morning: 5, now: 6 });
    clock.jump_to(MORNING_MILLIS + 2 * DAY_MILLIS);
    stats.sample();
    assert_eq!(stats.put_by_day(), DailyTotals { yesterday_morning: 5, today_morning: 6, now: 6 });
    assert_eq!(stats.got_by_day(), DailyTotals { yesterday_morning: 0, today_morning: 2, now: 2 });
    assert_eq!(stats.uptime(), Duration::from_secs(1));
    assert_eq!(stats.booted_millis(), MORNING_MILLIS + DAY_MILLIS - 1_000);
}

#[test]
fn keys_are_bounded() {
    let items: Items<String> = Items::new("TEST", 1);
    let one = Amount { count: 1, bytes: 1 };
    for key in ["a", "b", "a"] {
        items.add(key, || key.to_owned(), one);
    }
    assert_eq!(items.read("a", StatsItem::count), Some(2));
    assert_eq!(items.read("b", StatsItem::count), None);
    items.remove_all(|key| key == "a");
    items.add("b", || "b".to_owned(), one);
    assert_eq!(items.read("b", StatsItem::count), Some(1));
}

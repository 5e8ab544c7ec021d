//! Crashes, lost files, and clocks that are set.

use runtime::clock::Clock;

use super::{NOW, Timer, config, dir};

/// Kills the broker after some steps, with the last flush some steps ago.
#[test]
fn a_crash_neither_loses_nor_doubles() {
    for crash_after in [0, 1, 5, 8, 12] {
        for flush_after in (0..=crash_after).rev().step_by(3) {
            let dir = dir();
            let mut timer = Timer::open(dir.path(), NOW);
            let mut expected = Vec::new();
            for step in 0..crash_after {
                for (kind, millis) in [("near", 150), ("far", 1_900), ("next", 1_000)] {
                    let key = format!("{step:02}-{kind}");
                    timer.send(&key, millis);
                    expected.push(key);
                }
                timer.send(&format!("{step:02}-cancelled"), 2_500);
                timer.cancel(&format!("{step:02}-cancelled"), timer.clock.now_millis() + 2_500);
                timer.pass(170);
                if step == flush_after {
                    timer.flush();
                }
            }
            // Sent, and not yet seen by the timer.
            timer.send("last", 800);
            expected.push("last".to_owned());
            expected.sort();
            let now = timer.clock.now_millis();
            drop(timer);
            let mut timer = Timer::open(dir.path(), now + 400);
            timer.pass(10_000);
            assert_eq!(timer.keys(), expected, "crash after {crash_after}, flush after {flush_after}");
            timer.stop();
            let mut timer = Timer::open(dir.path(), now + 10_400);
            timer.pass(5_000);
            assert_eq!(timer.keys(), expected, "and no more after a clean stop");
        }
    }
}

#[test]
fn the_wheel_and_the_checkpoint_can_be_made_again() {
    for lost in ["timerwheel", "config/timercheck"] {
        let dir = dir();
        let mut timer = Timer::open(dir.path(), NOW);
        for number in 0..20 {
            timer.send(&format!("k{number:02}"), 500 * number + 250);
        }
        timer.pass(4_000);
        let before = timer.keys();
        timer.stop();
        std::fs::remove_file(dir.path().join(lost)).unwrap();
        let mut timer = Timer::open(dir.path(), NOW + 4_100);
        timer.pass(10_000);
        let expected: Vec<_> = (0..20).map(|number| format!("k{number:02}")).collect();
        assert_eq!(before, expected[..8]);
        assert_eq!(timer.keys(), expected, "without {lost}");
    }
}

#[test]
fn other_slots_than_the_last_run_are_made_anew() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    timer.send("a", 3_250);
    timer.send("b", 5_250);
    timer.pass(1_000);
    timer.stop();
    let mut config = config();
    config.timer_precision_ms = 100;
    let mut timer = Timer::with(dir.path(), NOW + 1_000, &config);
    timer.send("c", 3_000);
    timer.pass(6_000);
    assert_eq!(timer.keys(), ["a", "b", "c"]);
}

#[test]
fn a_clock_set_back_delivers_nothing_early_and_nothing_twice() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    timer.send("old", 2_500);
    timer.send("later", 8_500);
    timer.pass(5_000);
    timer.clock.jump_to(NOW - 3_600_000);
    timer.settle();
    timer.send("new", 2_500);
    timer.pass(2_499);
    assert_eq!(timer.keys(), ["old"]);
    timer.pass(1);
    assert_eq!(timer.keys(), ["new", "old"]);
    timer.flush();
    timer.stop();
    let mut timer = Timer::open(dir.path(), NOW - 3_000_000);
    timer.clock.jump_to(NOW + 5_000);
    timer.pass(10_000);
    assert_eq!(timer.keys(), ["later", "new", "old"]);
}

#[test]
fn a_clock_set_ahead_makes_everything_due() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for (key, millis) in [("a", 3_500), ("b", 90_000), ("c", 200_000_000)] {
        timer.send(key, millis);
    }
    timer.settle();
    timer.clock.jump_to(NOW + 3_600_000);
    timer.settle();
    assert_eq!(timer.keys(), ["a", "b"]);
}

#[test]
fn a_long_sleep_loses_nothing() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for hour in 0..60 {
        timer.send(&format!("k{hour:02}"), hour * 3_600_000 + 777);
    }
    timer.settle();
    timer.stop();
    // More than two turns of the wheel.
    let mut timer = Timer::open(dir.path(), NOW + 30 * 86_400_000);
    timer.send("new", 1_500);
    timer.pass(2_000);
    assert_eq!(timer.delivered().len(), 61);
    assert_eq!(timer.service.pending_count(), 0);
}

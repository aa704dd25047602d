use proptest::prelude::*;

use super::*;

const NODE: NodeId = NodeId(1);
const LIMIT: Duration = Duration::from_millis(10);
const PERIOD: Duration = Duration::from_millis(100);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

#[test]
fn a_closed_connection_is_noticed_at_once() {
    let mut detector = Detector::new(LIMIT);
    assert_eq!(detector.health(NODE, at(0)), Health::Closed);
    detector.opened(NODE, at(0));
    assert_eq!(detector.health(NODE, at(1)), Health::Alive);
    detector.closed(NODE);
    detector.heard(NODE, at(2));
    assert_eq!(detector.health(NODE, at(2)), Health::Closed, "a late datagram proves nothing");
    assert_eq!(detector.time_left(NODE, at(2)), Duration::ZERO);
    assert!(!detector.is_connected(NODE));
}

#[test]
fn silence_is_noticed_at_the_limit_and_ends_when_the_node_is_heard() {
    let mut detector = Detector::new(LIMIT);
    detector.opened(NODE, at(0));
    detector.heard(NODE, at(5));
    assert_eq!(detector.health(NODE, at(14)), Health::Alive);
    assert_eq!(detector.time_left(NODE, at(14)), Duration::from_millis(1));
    assert_eq!(detector.health(NODE, at(15)), Health::Silent);
    assert_eq!(detector.phi(NODE, at(15)), None, "a fixed limit knows no phi");
    detector.heard(NODE, at(20));
    assert_eq!(detector.health(NODE, at(20)), Health::Alive);
}

/// A detector that heard a node each period from 0 on, last at the moment that it returns.
fn learned(settings: Settings, beats: u64) -> (Detector, Instant) {
    let mut detector = Detector::with(settings);
    detector.opened(NODE, at(0));
    for beat in 1..=beats {
        detector.heard(NODE, at(100 * beat));
    }
    (detector, at(100 * beats))
}

#[test]
fn phi_accrual_begins_with_its_longest_limit_and_learns() {
    let few = INTERVALS_MIN as u64 - 1;
    let (detector, last) = learned(Settings::phi(PERIOD), few);
    assert_eq!(detector.time_left(NODE, last), 10 * PERIOD);
    assert_eq!(detector.phi(NODE, last), None);
    let (detector, last) = learned(Settings::phi(PERIOD), few + 1);
    let left = detector.time_left(NODE, last).as_millis();
    assert!((225..235).contains(&left), "2.3 periods, as promised: {left} ms");
}

#[test]
fn phi_reaches_the_threshold_where_the_node_becomes_silent() {
    let (detector, last) = learned(Settings::phi(PERIOD), 50);
    let silent = last + detector.time_left(NODE, last);
    assert_eq!(detector.health(NODE, silent), Health::Silent);
    assert_eq!(detector.health(NODE, silent - Duration::from_nanos(1)), Health::Alive);
    let phi = detector.phi(NODE, silent).unwrap();
    assert!((phi - 8.0).abs() < 1e-6, "{phi}");
}

#[test]
fn other_traffic_and_bursts_do_not_shorten_the_rhythm() {
    let (mut detector, last) = learned(Settings::phi(PERIOD), 50);
    let before = detector.time_left(NODE, last);
    for millis in 1..=2000 {
        detector.heard(NODE, last + Duration::from_millis(millis / 10));
    }
    assert_eq!(detector.time_left(NODE, last + 2 * PERIOD), before);
}

#[test]
fn a_reopened_connection_is_learned_anew() {
    let (mut detector, last) = learned(Settings::phi(PERIOD), 50);
    detector.opened(NODE, last);
    assert_eq!(detector.time_left(NODE, last), 10 * PERIOD);
}

#[test]
fn limits_stretch_while_this_node_is_late_and_shrink_again() {
    let settings = Settings { awareness: true, ..Settings::fixed(5 * PERIOD) };
    let mut detector = Detector::with(settings);
    detector.opened(NODE, at(1000));
    detector.woke(at(900), at(1000));
    assert_eq!((detector.score(), detector.time_left(NODE, at(1000))), (1, 10 * PERIOD));
    detector.woke(at(1100), at(1100));
    assert_eq!((detector.score(), detector.time_left(NODE, at(1100))), (0, 4 * PERIOD));
}

#[test]
fn a_stop_of_this_node_is_no_part_of_the_others_rhythm() {
    let (mut detector, last) = learned(Settings::phi(PERIOD), 50);
    let before = detector.time_left(NODE, last);
    let woken = last + Duration::from_secs(60);
    detector.woke(last + PERIOD, woken);
    // What waited in buffers comes at once.
    for _ in 0..600 {
        detector.heard(NODE, woken);
    }
    detector.woke(woken + PERIOD, woken + PERIOD);
    assert_eq!(detector.score(), 0);
    assert_eq!(detector.time_left(NODE, woken), before);
}

/// What may happen to a detector, a few milliseconds after what happened before.
#[derive(Debug, Clone)]
enum Step {
    Opened,
    Heard,
    Closed,
    Woke { late_millis: u64 },
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        1 => Just(Step::Opened),
        20 => Just(Step::Heard),
        1 => Just(Step::Closed),
        5 => (0..400_u64).prop_map(|late_millis| Step::Woke { late_millis }),
    ];
    prop::collection::vec((0..300_u64, step), 1..200)
}

fn take(detector: &mut Detector, step: &Step, now: Instant) {
    match step {
        Step::Opened => detector.opened(NODE, now),
        Step::Heard => detector.heard(NODE, now),
        Step::Closed => detector.closed(NODE),
        Step::Woke { late_millis } => detector.woke(now - Duration::from_millis(*late_millis), now),
    }
}

proptest! {
    #[test]
    fn phi_grows_with_silence(
        intervals in prop::collection::vec(50..1000_u64, INTERVALS_MIN..150),
        mut moments in prop::collection::vec(0..100_000_u64, 2..20),
    ) {
        let mut detector = Detector::with(Settings::phi(PERIOD));
        let mut now = at(0);
        detector.opened(NODE, now);
        for interval in intervals {
            now = now + Duration::from_millis(interval);
            detector.heard(NODE, now);
        }
        moments.sort_unstable();
        let phis: Vec<f64> = moments
            .iter()
            .map(|&millis| detector.phi(NODE, now + Duration::from_millis(millis)).unwrap())
            .collect();
        prop_assert!(phis.is_sorted(), "{phis:?}");
    }

    /// The limit is at least the mean, which is at least the period less the jitter, and 5.2 minimal
    /// deviations of a quarter period. So a jitter of 0.65 periods can never reach it; beyond half a
    /// period, intervals may be left out of the window as too short.
    #[test]
    fn a_bounded_jitter_is_never_suspected(
        jitters in prop::collection::vec(0..=100_u64, 1..300),
    ) {
        let mut detector = Detector::with(Settings::phi(PERIOD));
        let mut now = at(0);
        detector.opened(NODE, now);
        for jitter in jitters {
            now = now + Duration::from_millis(50 + jitter);
            prop_assert_eq!(detector.health(NODE, now), Health::Alive);
            detector.heard(NODE, now);
        }
    }

    #[test]
    fn awareness_never_suspects_earlier(steps in steps(), accrues: bool) {
        let settings = match accrues {
            true => Settings::phi(PERIOD),
            false => Settings::fixed(3 * PERIOD),
        };
        let mut aware = Detector::with(Settings { awareness: true, ..settings.clone() });
        let mut unaware = Detector::with(Settings { awareness: false, ..settings });
        let mut now = at(1000);
        for (millis, step) in steps {
            now = now + Duration::from_millis(millis);
            take(&mut aware, &step, now);
            take(&mut unaware, &step, now);
            prop_assert!(aware.time_left(NODE, now) >= unaware.time_left(NODE, now));
            if aware.health(NODE, now) == Health::Silent {
                prop_assert_eq!(unaware.health(NODE, now), Health::Silent);
            }
        }
    }

    /// Stopped as often and as long as anybody likes: the first thing that runs is the alarm, and
    /// nobody is suspected there, nor before what waited has been handled.
    #[test]
    fn a_node_that_was_stopped_suspects_nobody_when_it_wakes(
        phases in prop::collection::vec((0..20_u64, 0..100_u64, 0..5_000_u64), 1..30),
        offset in 0..100_u64,
        accrues: bool,
    ) {
        let settings = match accrues {
            true => Settings::phi(PERIOD),
            false => Settings { awareness: true, ..Settings::fixed(3 * PERIOD) },
        };
        let mut detector = Detector::with(settings);
        let mut now = offset;
        let mut heard = offset;
        let mut due = 100;
        detector.opened(NODE, at(now));
        for (periods, stopped_after, stopped_for) in phases {
            let stops = now + 100 * periods + stopped_after;
            // It runs: heartbeats come and alarms go off in time.
            while heard + 100 <= stops || due <= stops {
                if heard + 100 <= due {
                    heard += 100;
                    detector.heard(NODE, at(heard));
                } else {
                    detector.woke(at(due), at(due));
                    prop_assert_eq!(detector.health(NODE, at(due)), Health::Alive);
                    due += 100;
                }
            }
            now = stops + stopped_for;
            if due <= now {
                detector.woke(at(due), at(now));
                prop_assert_eq!(detector.health(NODE, at(now)), Health::Alive);
                due = now + 100;
            }
            while heard + 100 <= now {
                heard += 100;
                detector.heard(NODE, at(now));
            }
        }
    }
}

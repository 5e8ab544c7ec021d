//! The names of RocketMQ's versions, which travel as numbers (`MQVersion`).

/// The ones before the first release line, by number.
const ALPHAS_AND_BETAS: [&str; 16] = [
    "V3_0_0_SNAPSHOT",
    "V3_0_0_ALPHA1",
    "V3_0_0_BETA1",
    "V3_0_0_BETA2",
    "V3_0_0_BETA3",
    "V3_0_0_BETA4",
    "V3_0_0_BETA5",
    "V3_0_0_BETA6_SNAPSHOT",
    "V3_0_0_BETA6",
    "V3_0_0_BETA7_SNAPSHOT",
    "V3_0_0_BETA7",
    "V3_0_0_BETA8_SNAPSHOT",
    "V3_0_0_BETA8",
    "V3_0_0_BETA9_SNAPSHOT",
    "V3_0_0_BETA9",
    "V3_0_0_FINAL",
];
/// The lines of releases in their order: major, minor, first patch, last patch. Of each patch there is a
/// snapshot, then the release.
const LINES: [(i32, i32, i32, i32); 10] = [
    (3, 0, 1, 15),
    (3, 1, 0, 9),
    (3, 2, 0, 9),
    (3, 3, 1, 9),
    (3, 4, 1, 9),
    (3, 5, 1, 9),
    (3, 6, 1, 9),
    (3, 7, 1, 9),
    (3, 8, 1, 9),
    (3, 9, 1, 9),
];
/// Major versions that have ten lines of ten patches each.
const MAJORS_OF_TENS: [i32; 2] = [4, 5];

/// The name of a version by its number; `HIGHER_VERSION` beyond those 5.3.3 knows.
///
/// ```
/// assert_eq!(remoting::version::version_name(479), "V5_3_3");
/// ```
pub fn version_name(version: i32) -> String {
    let Ok(ordinal) = usize::try_from(version) else { return version.to_string() };
    if let Some(name) = ALPHAS_AND_BETAS.get(ordinal) {
        return (*name).to_owned();
    }
    let place = ordinal - ALPHAS_AND_BETAS.len();
    let tens = MAJORS_OF_TENS.iter().flat_map(|major| (0..10).map(move |minor| (*major, minor, 0, 9)));
    let mut releases = LINES.into_iter().chain(tens).flat_map(|(major, minor, first, last)| {
        (first..=last).map(move |patch| format!("V{major}_{minor}_{patch}"))
    });
    match releases.nth(place / 2) {
        Some(release) if place.is_multiple_of(2) => format!("{release}_SNAPSHOT"),
        Some(release) => release,
        None => "HIGHER_VERSION".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_rocketmqs_names() {
        for (version, name) in [
            (0, "V3_0_0_SNAPSHOT"),
            (15, "V3_0_0_FINAL"),
            (16, "V3_0_1_SNAPSHOT"),
            (17, "V3_0_1"),
            (45, "V3_0_15"),
            (47, "V3_1_0"),
            (87, "V3_3_1"),
            (479, "V5_3_3"),
            (611, "V5_9_9"),
            (612, "HIGHER_VERSION"),
            (i32::MAX, "HIGHER_VERSION"),
            (-1, "-1"),
        ] {
            assert_eq!(version_name(version), name);
        }
    }
}

//! Outputs without what time changes.

/// The lines of an output without what time changes, in an order of their own: Java's sets have none.
pub fn comparable(words: &str, text: &str) -> Vec<String> {
    let command = words.split(' ').next().unwrap();
    let mut lines: Vec<String> =
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    match command {
        // A figure a line, most of them moving.
        "brokerStatus" => {
            for line in &mut lines {
                line.truncate(line.find(": ").unwrap_or(line.len()));
            }
        }
        // Behind the version, and behind what has accumulated, are rates and what a window of time holds.
        "clusterList" => lines = lines.iter().map(|line| without_numbers_from(5, line)).collect(),
        "statsAll" => lines = lines.iter().map(|line| without_numbers_from(3, line)).collect(),
        // Rates move, and so does the time of the last heartbeat.
        "consumerProgress" | "producer" => {
            for line in &mut lines {
                *line = without_moving_numbers(line);
            }
        }
        // When a slave has heard of its master.
        "haStatus" => {
            for line in &mut lines {
                line.truncate(line.find("Time\t").unwrap_or(line.len()));
                *line = without_moving_numbers(line);
            }
        }
        // Java's tool shows where in its code there was no route.
        "queryMsgById" | "queryMsgByOffset" | "queryMsgByUniqueKey" => {
            lines.retain(|line| !line.contains("trackType=UNKNOWN") && !line.starts_with("See https"));
        }
        // The queues of one address, in the order of a hash set.
        "allocateMQ" => {
            lines = lines.iter().flat_map(|line| line.split(['{', '}'])).map(str::to_owned).collect();
        }
        _ => {}
    }
    lines.sort();
    lines
}

/// Digits become one sign.
pub fn without_numbers(text: &str) -> String {
    text.split(|sign: char| sign.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("#")
}

/// Words with digits become one sign, but for the first few.
fn without_numbers_from(first: usize, line: &str) -> String {
    let masked = |(place, word): (usize, &str)| {
        let is_number = place >= first && word.contains(|sign: char| sign.is_ascii_digit());
        if is_number { "#".to_owned() } else { word.to_owned() }
    };
    line.split_whitespace().enumerate().map(masked).collect::<Vec<_>>().join(" ")
}

/// Numbers with a point, and timestamps, become one sign.
fn without_moving_numbers(line: &str) -> String {
    let is_moving = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        digits > 0 && (word.matches('.').count() == 1 || digits > 12)
    };
    let words = line.split(|sign: char| !(sign.is_ascii_digit() || sign == '.'));
    let mut moving: Vec<&str> = words.filter(|word| is_moving(word)).collect();
    moving.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let masked = moving.iter().fold(line.to_owned(), |line, word| line.replace(word, "#"));
    // What moves may also be wider.
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}

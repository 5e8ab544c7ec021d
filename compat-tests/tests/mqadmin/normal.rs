//! What a command prints without what is another one each time.

use compat_tests::Cluster;

use crate::script::{Look, Step};

/// What stands for addresses, directories and ids.
pub struct Names(Vec<(&'static str, String)>);

impl Names {
    pub fn of(cluster: &Cluster) -> Self {
        let dir = cluster.path("").display().to_string();
        let dir = dir.trim_end_matches('/').to_owned();
        Self(vec![("{broker}", cluster.broker_addr()), ("{namesrv}", cluster.namesrv_addr()), ("{dir}", dir)])
    }

    /// A command line as it is run.
    pub fn filled(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value))
    }

    /// Remembers the ids later commands are about.
    pub fn learn(&mut self, line: &str, printed: &str) {
        let after = |label: &str| {
            let line = printed.lines().find(|line| line.trim_start().starts_with(label))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        if line.starts_with("queryMsgByOffset") {
            self.0.extend(after("OffsetID").map(|id| ("{offsetId}", id)));
            self.0.extend(after("UNIQ_KEY").map(|id| ("{uniqId}", id)));
            let properties = after("Properties").unwrap_or_default();
            let id = properties.split(['{', ',', '}']).find_map(|part| part.trim().strip_prefix("UNIQ_KEY="));
            self.0.extend(id.map(|id| ("{uniqId}", id.to_owned())));
        }
    }
}

/// The lines of a text that say something, in the order they are compared in.
pub fn lines(names: &Names, step: &Step, text: &str) -> Vec<String> {
    let mut text = text.replace('\r', "");
    for (name, value) in &names.0 {
        text = text.replace(value.as_str(), name);
    }
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.split_once("@run-").map_or(line, |(_, rest)| rest))
        .filter(|line| !line.starts_with("\tat ") && !line.starts_with("\t... ") && !line.trim().is_empty())
        .map(|line| {
            let words: Vec<String> = line.split_whitespace().map(|word| plain(word, step.look)).collect();
            if matches!(step.look, Look::Refused(_)) {
                words.join(" ")
            } else {
                without_reason(&words.join(" "))
            }
        })
        .filter(|line| !line.contains("RocketMQLog:WARN") && !line.starts_with("SLF4J"))
        .collect();
    match step.look {
        Look::Sorted => lines.sort(),
        Look::Keys => {
            for line in &mut lines {
                line.truncate(line.find([' ', '=']).unwrap_or(line.len()));
            }
            lines.sort();
            lines.dedup();
        }
        Look::Exact | Look::Figures | Look::Refused(_) => {}
    }
    lines
}

/// A server may say why it does not support a request.
fn without_reason(line: &str) -> String {
    match line.split_once(" not supported: ") {
        Some((before, after)) => {
            let rest = after.find(" For more information").map_or("", |at| &after[at..]);
            format!("{before} not supported{rest}")
        }
        None => line.to_owned(),
    }
}

/// A word without times and ids.
fn plain(word: &str, look: Look) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if run >= 20 {
            out.push_str("<id>");
            rest = &rest[run..];
        } else if rest.starts_with("127.0.0.1:") {
            out.push_str("<client>");
            rest = rest[10..].trim_start_matches(|c: char| c.is_ascii_digit());
        } else if digits >= 9 || (digits > 0 && look == Look::Figures) {
            out.push('#');
            rest = &rest[digits..];
        } else if digits == 4 && is_date(rest) {
            out.push_str("<date>");
            rest = &rest[10..];
        } else if digits == 2
            && rest[digits..].starts_with(':')
            && rest.len() >= 8
            && rest[5..].starts_with(':')
        {
            out.push_str("<time>");
            rest = rest[8..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | ':'));
        } else {
            let step = if run > 0 { run } else { first.len_utf8() };
            out.push_str(&rest[..step]);
            rest = &rest[step..];
        }
    }
    out
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[5].is_ascii_digit()
        && bytes[8].is_ascii_digit()
}

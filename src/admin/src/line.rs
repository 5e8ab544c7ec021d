//! The command line made from the specs, and RocketMQ's way of writing one.
//!
//! Java's tool takes `-topic T` and `-mf FILE`, and a name of a command in any case; both are brought
//! into the common form before clap reads them.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};

use crate::{
    command::{Opt, Spec},
    commands,
};

/// Name of the option for NameServer addresses.
pub(crate) const NAMESRV_ADDR: &str = "namesrvAddr";
/// Name of the flag for JSON.
pub(crate) const JSON: &str = "json";
/// Name of the flag that answers the question before harm.
pub(crate) const YES: &str = "yes";
/// Name of the option that repeats a command.
pub(crate) const WATCH: &str = "watch";
/// Name of the command that writes completions.
pub(crate) const COMPLETIONS: &str = "completions";
/// Name of the value of [`COMPLETIONS`].
pub(crate) const SHELL: &str = "shell";

const CHOICE: &str = "choice";

/// The whole command line under the name `name`.
pub(crate) fn command(name: &'static str) -> Command {
    let completions = Command::new(COMPLETIONS)
        .about("Write completions for a shell to standard output")
        .arg(Arg::new(SHELL).required(true).value_parser(clap::value_parser!(clap_complete::Shell)));
    Command::new(name)
        .about("Look at and change NameServers and brokers, as mqadmin")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .override_help(overview(name))
        .subcommands(commands::all().map(subcommand))
        .subcommand(completions)
}

/// Every command with a line about it, by category.
fn overview(name: &str) -> String {
    let mut specs: Vec<_> = commands::all().collect();
    specs.sort_by_key(|spec| spec.category);
    let mut lines = vec![
        "Look at and change NameServers and brokers, as mqadmin\n".to_owned(),
        format!("Usage: {name} <COMMAND>"),
    ];
    let line = |name: &str, about: &str| format!("   {name:<35} {about}");
    let mut category = None;
    for spec in specs {
        if category != Some(spec.category) {
            category = Some(spec.category);
            lines.push(format!("\n{}", spec.category.title()));
        }
        lines.push(line(spec.name, spec.about));
    }
    lines.push("\nThis tool".to_owned());
    lines.push(line(COMPLETIONS, "Write completions for bash, zsh, fish, elvish or PowerShell"));
    lines.push(format!("\nSee '{name} help <command>' for what a command takes.\n"));
    lines.join("\n")
}

fn subcommand(spec: &'static Spec) -> Command {
    let mut command = Command::new(spec.name)
        .about(spec.about)
        .infer_long_args(true)
        .args(spec.options.iter().map(option))
        .arg(
            Arg::new(NAMESRV_ADDR)
                .short('n')
                .long(NAMESRV_ADDR)
                .value_name("ADDRS")
                .env("NAMESRV_ADDR")
                .action(ArgAction::Append)
                .help("NameServer addresses, e.g. '192.168.0.1:9876;192.168.0.2:9876'"),
        )
        .arg(flag(JSON, "Print JSON, a value a line"));
    if let Some(note) = spec.note {
        command = command.after_help(note);
    }
    if let Some(alias) = spec.alias {
        command = command.alias(alias);
    }
    if let Some(harm) = spec.harm {
        let help = format!("Do not ask first: this {harm} (a script is never asked)");
        command = command.arg(Arg::new(YES).long(YES).action(ArgAction::SetTrue).help(help));
    }
    if spec.is_watched {
        let seconds = Arg::new(WATCH)
            .long(WATCH)
            .value_name("SECONDS")
            .value_parser(clap::value_parser!(f64))
            .help("Show it again and again");
        command = command.arg(seconds);
    }
    let choices: Vec<_> = spec.options.iter().filter(|opt| opt.is_choice).map(|opt| opt.long).collect();
    if !choices.is_empty() {
        command = command.group(ArgGroup::new(CHOICE).args(choices).required(true));
    }
    command
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn option(opt: &Opt) -> Arg {
    let mut arg = Arg::new(opt.long).long(opt.long).help(opt.help).required(opt.is_required);
    let mut letters = opt.short.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => arg = arg.short(letter),
        (Some(_), Some(_)) => arg = arg.alias(opt.short),
        (None, _) => {}
    }
    if opt.takes_value {
        // Of an option given twice, Java takes the first.
        arg.action(ArgAction::Append).value_name(opt.long).allow_hyphen_values(true)
    } else {
        arg.action(ArgAction::Count)
    }
}

/// Brings a line in Java's form into clap's; `arguments` begin with the program.
pub(crate) fn in_common_form(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut line: Vec<OsString> = arguments.next().into_iter().collect();
    let Some(first) = arguments.next() else { return line };
    let spec = first.to_str().and_then(commands::find);
    line.push(spec.map_or(first, |spec| spec.name.into()));
    let Some(spec) = spec else {
        let is_help = line.last().is_some_and(|word| word == "help");
        line.extend(arguments.map(|word| match word.to_str().and_then(commands::find) {
            Some(spec) if is_help => spec.name.into(),
            _ => word,
        }));
        return line;
    };
    let mut is_value = false;
    for word in arguments {
        let word = if is_value { word } else { with_two_dashes(spec, word) };
        is_value = !is_value && awaits_value(spec, &word);
        line.push(word);
    }
    line
}

/// `-topic` and `-mf` as `--topic` and `--mf`; every other word as it is.
fn with_two_dashes(spec: &Spec, word: OsString) -> OsString {
    let Some(name) = word.to_str().and_then(|word| word.strip_prefix('-')) else { return word };
    let bare = name.split('=').next().unwrap_or(name);
    let is_long = bare.len() > 1
        && (bare == NAMESRV_ADDR || spec.options.iter().any(|opt| opt.long == bare || opt.short == bare));
    if is_long { format!("--{name}").into() } else { word }
}

fn awaits_value(spec: &Spec, word: &OsStr) -> bool {
    let Some(word) = word.to_str().filter(|word| word.starts_with('-') && !word.contains('=')) else {
        return false;
    };
    let name = word.trim_start_matches('-');
    matches!(name, "n" | NAMESRV_ADDR | WATCH)
        || spec.options.iter().any(|opt| opt.takes_value && (opt.long == name || opt.short == name))
}

/// The first value of an option, without blanks around it.
pub(crate) fn value<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(|value| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<ArgMatches, clap::Error> {
        let words = line.split(' ').map(OsString::from).collect();
        command("mqadmin").try_get_matches_from(in_common_form(words))
    }

    fn values(line: &str, names: &[&str]) -> Vec<Option<String>> {
        let matches = read(line).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        names.iter().map(|name| value(matches, name).map(str::to_owned)).collect()
    }

    #[test]
    fn options_are_taken_in_javas_forms() {
        let given = |text: &str| Some(text.to_owned());
        for line in [
            "mqadmin updateStaticTopic -t T -b a,b -qn 4 -n h:1",
            "mqadmin UPDATESTATICTOPIC -topic T -brokers a,b -totalQueueNum 4 -namesrvAddr h:1",
            "mqadmin updateStaticTopic --topic=T --brokers a,b -qn=4 -n h:1",
            "mqadmin updateStaticTopic -t T -t U -b a,b --totalQueue 4 -n h:1",
        ] {
            let values = values(line, &["topic", "brokers", "totalQueueNum", NAMESRV_ADDR]);
            assert_eq!(values, [given("T"), given("a,b"), given("4"), given("h:1")], "{line}");
        }
    }

    #[test]
    fn values_may_look_like_options() {
        let line = "mqadmin resetOffsetByTime -g G -t -topic -s -1";
        assert_eq!(values(line, &["topic", "timestamp"]), [Some("-topic".into()), Some("-1".into())]);
    }

    #[test]
    fn of_some_options_one_is_needed_and_no_more() {
        assert!(read("mqadmin brokerStatus -b a:1").is_ok());
        assert!(read("mqadmin brokerStatus").is_err());
        assert!(read("mqadmin brokerStatus -b a:1 -c C").is_err());
    }
}

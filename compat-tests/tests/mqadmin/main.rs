//! RocketMQ's own command line against a cluster, every subcommand; what Java's cluster makes it print is in
//! `golden/mqadmin.txt`. And every request code there is, asked of both servers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod codes;
mod normal;
mod script;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    thread,
};

use compat_tests::{Client, ClientVersion, Cluster, FAST, Options, named};

use normal::Names;
use script::{Look, Step};

/// Where users and ACLs are kept at all, and there are traces.
const BROKER_CONF: &str = "traceTopicEnable=true\n\
    authenticationMetadataProvider=org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider\n\
    authorizationMetadataProvider=org.apache.rocketmq.auth.authorization.provider.LocalAuthorizationMetadataProvider\n";

#[test]
fn mqadmin_on_ferrocket() {
    mqadmin(Options::ferrocket());
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn mqadmin_on_java() {
    mqadmin(Options::java());
}

fn mqadmin(options: Options) {
    let is_ours = options.broker == compat_tests::ServerKind::Ferrocket;
    let cluster = Cluster::start(options.with_broker_conf(BROKER_CONF));
    codes::every_code_is_answered_or_refused_for_a_reason(&cluster, is_ours);
    let client = cluster.client(ClientVersion::V5_3_3);
    // Longer than all of this takes.
    let patience = format!("{FAST} timeout=900");
    let online = client
        .begin("consume-push-concurrent", &format!("topic=mq-online group=mq-online count=1 {patience}"));
    fs::write(cluster.path("topics.json"), script::TOPICS).unwrap();
    fs::write(cluster.path("groups.json"), script::GROUPS).unwrap();
    let mut transcript: Vec<_> = thread::scope(|scope| {
        let cluster = &cluster;
        let play = |course| scope.spawn(move || Session { client, names: Names::of(cluster) }.play(course));
        let courses: Vec<_> = script::COURSES.iter().copied().map(play).collect();
        courses.into_iter().flat_map(|course| course.join().unwrap()).collect()
    });
    transcript.extend(Session { client, names: Names::of(&cluster) }.play(script::FINALE));
    drop(online);
    every_command_is_played(client);
    let golden = golden();
    if env::var_os("COMPAT_WRITE_MQADMIN").is_some() {
        write(&golden, &transcript);
    }
    compare(&read(&golden), &transcript, is_ours);
}

/// One course of commands, each of which may use what others have printed.
struct Session<'c> {
    client: &'c Client,
    names: Names,
}

impl Session<'_> {
    fn play(mut self, course: &[Step]) -> Vec<(Step, String)> {
        let mut transcript = Vec::new();
        for step in course {
            let line = self.names.filled(step.line).split_whitespace().collect::<Vec<_>>().join("|");
            let arguments = format!("line={line} limit={} until={}", step.limit_seconds, step.until);
            let events = self.client.run("mqadmin", &arguments);
            let text = named(&events, "printed")[0].text("text").to_owned();
            self.names.learn(step.line, &text);
            remove_left_behind(&text);
            transcript.push((*step, normal::lines(&self.names, step, &text).join("\n")));
        }
        transcript
    }
}

/// Some commands write files to places of their own choosing and say so.
fn remove_left_behind(printed: &str) {
    for line in printed.lines() {
        let path = line.split_once("Message Body Path:").or_else(|| line.split_once("is written to file "));
        if let Some((_, path)) = path {
            let _ = fs::remove_file(path.trim());
        }
    }
}

fn every_command_is_played(client: &Client) {
    let events = client.run("mqadmin-commands", "");
    let known: BTreeSet<&str> = named(&events, "commands")[0].text("names").split(' ').collect();
    let played: BTreeSet<&str> =
        script::steps().map(|step| step.line.split(' ').next().unwrap_or_default()).collect();
    let missing: Vec<_> = known.difference(&played).collect();
    assert!(missing.is_empty(), "commands that are not tried: {missing:?}");
    eprintln!("{} of {} subcommands of mqadmin", known.intersection(&played).count(), known.len());
}

fn compare(golden: &BTreeMap<String, String>, transcript: &[(Step, String)], is_ours: bool) {
    let mut differing = Vec::new();
    let mut refused = 0;
    for (step, printed) in transcript {
        let java = golden.get(step.line).map(String::as_str).unwrap_or_default();
        if let (true, Look::Refused(reason)) = (is_ours, step.look) {
            refused += 1;
            if !printed.contains(reason) {
                differing.push(format!("$ {}\n--- refused for\n{reason}\n--- printed\n{printed}", step.line));
            }
        } else if !is_same(step.look, java, printed, is_ours) {
            differing.push(format!("$ {}\n--- Java's cluster\n{java}\n--- this one\n{printed}", step.line));
        }
    }
    eprintln!("{} command lines, {refused} of them refused here for a reason", transcript.len());
    let count = differing.len();
    assert!(differing.is_empty(), "{count} command lines print something else:\n{}", differing.join("\n\n"));
}

/// Ours may list keys of its own.
fn is_same(look: Look, java: &str, printed: &str, is_ours: bool) -> bool {
    if look != Look::Keys || !is_ours {
        return printed == java;
    }
    let ours: BTreeSet<&str> = printed.lines().collect();
    java.lines().all(|line| ours.contains(line))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/mqadmin.txt")
}

/// Sections of `$ command line` and what it prints.
fn read(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let sections = text.split("\n$ ").map(|section| section.strip_prefix("$ ").unwrap_or(section));
    sections
        .filter_map(|section| {
            let (line, printed) = section.split_once('\n').unwrap_or((section, ""));
            (!line.is_empty())
                .then(|| (line.trim_end().to_owned(), printed.trim_end_matches('\n').to_owned()))
        })
        .collect()
}

fn write(path: &Path, transcript: &[(Step, String)]) {
    let sections: Vec<String> =
        transcript.iter().map(|(step, printed)| format!("$ {}\n{printed}", step.line)).collect();
    fs::write(path, sections.join("\n") + "\n").unwrap();
}

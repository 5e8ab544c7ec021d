//! Java's `mqadmin`: many commands in one virtual machine, which takes seconds to start.

use crate::{cluster::Cluster, event::Event, java};
use std::io::Write;
use std::process::Stdio;

/// Runs commands of Java's `mqadmin` on a cluster, one after the other, and returns what each printed. Words are
/// separated by blanks.
pub fn java_admin_tool(cluster: &Cluster, commands: &[&str]) -> Vec<String> {
    let mut command = java::java("client-5.3.3", &cluster.path("admin-tool"), 256);
    command.arg("ferrocket.interop.AdminTool").env("NAMESRV_ADDR", cluster.namesrv_addr());
    command.env("ROCKETMQ_HOME", cluster.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut tool = command.stderr(Stdio::null()).spawn().expect("java");
    let lines: String = commands.iter().map(|command| command.replace(' ', "\t") + "\n").collect();
    // A few lines, which a pipe holds.
    tool.stdin.take().expect("input").write_all(lines.as_bytes()).expect("commands");
    let output = tool.wait_with_output().expect("output");
    let text = String::from_utf8_lossy(&output.stdout);
    let printed: Vec<String> =
        text.lines().filter_map(Event::parse).map(|event| event.text("text").to_owned()).collect();
    assert_eq!(printed.len(), commands.len(), "the tool ended early:\n{text}");
    printed
}

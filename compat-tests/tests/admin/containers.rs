//! Commands about containers of brokers. Only Java has such servers so far.

use std::fs;

use compat_tests::{Cluster, Options, free_port, java_admin_tool};

use crate::tools::{LIMIT, admin, printed, until};

#[test]
#[ignore = "asks servers that only Java has"]
fn containers_answer_both_tools_alike() {
    let cluster = Cluster::prepare(Options::java());
    cluster.start_namesrv(0);
    let port = free_port();
    fs::write(cluster.path("container.conf"), format!("listenPort={port}\nbrokerContainerIP=127.0.0.1\n"))
        .unwrap();
    let mut container =
        cluster.start_java_server("org.apache.rocketmq.container.BrokerContainerStartup", "container");
    container.wait_for_port(port, LIMIT);

    let add = |name| format!("addBroker -c 127.0.0.1:{port} -b {}", inner_broker(&cluster, name));
    let java = java_admin_tool(&cluster, &[&add("inner-a")]).remove(0);
    assert_eq!(printed(&cluster, &add("inner-b")), java);
    // Every broker registers a topic of its own name.
    cluster.wait_for_route(0, "inner-a");
    cluster.wait_for_route(0, "inner-b");

    let remove = |name| format!("removeBroker -c 127.0.0.1:{port} -b DefaultCluster:{name}:0");
    let java = java_admin_tool(&cluster, &[&remove("inner-a")]).remove(0);
    assert_eq!(printed(&cluster, &remove("inner-b")), java);
    until(|| !printed(&cluster, "clusterList").contains("inner-"));
    let refused = admin(&cluster, &remove("inner-b"));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("Broker not exist"), "{error}");
}

/// The path of a configuration of its own.
fn inner_broker(cluster: &Cluster, name: &str) -> String {
    let first = fs::read_to_string(cluster.path("broker.conf")).unwrap();
    let store = cluster.path(&format!("store-{name}"));
    let own = format!(
        "brokerName={name}\nlistenPort={}\nstorePathRootDir={}\nnamesrvAddr={}\n",
        free_port(),
        store.display(),
        cluster.namesrv_addr()
    );
    let conf = cluster.path(&format!("{name}.conf"));
    fs::write(&conf, first + &own).unwrap();
    conf.display().to_string()
}

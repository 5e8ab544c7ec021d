//! Commands about controllers and about brokers whose masters one elects. Only Java has such servers so far.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use compat_tests::{Cluster, Options, Process, free_port, java_admin_tool};
use serde_json::Value;

use crate::{
    comparable::without_numbers,
    tools::{LIMIT, admin, compare_all, json, printed, until},
};

/// The brokers of the group beside its first, as the controller counts them.
const REPLICAS: Range<i64> = 2..4;

#[test]
#[ignore = "asks servers that only Java has"]
fn controllers_answer_both_tools_alike() {
    let group = Group::start();
    group.compare();
    group.masters_are_elected();
    group.brokers_are_forgotten();
}

/// A NameServer that is a controller, and three brokers of one name.
struct Group {
    // In this order: brokers end before the NameServer.
    replicas: Vec<Process>,
    ports: Vec<u16>,
    cluster: Cluster,
    controller: String,
}

impl Group {
    fn start() -> Self {
        let controller = format!("127.0.0.1:{}", free_port());
        let of_namesrv = format!(
            "enableControllerInNamesrv=true\ncontrollerDLegerGroup=group\ncontrollerDLegerPeers=n0-{controller}\n\
             controllerDLegerSelfId=n0\nmappedFileSize=10485760"
        );
        let of_broker = format!("enableControllerMode=true\ncontrollerAddr={controller}");
        let options = Options::java().with_namesrv_conf(&of_namesrv).with_broker_conf(&of_broker);
        // The first broker to come is number 1, and the master.
        let cluster = Cluster::start(options);
        let mut group = Self { replicas: Vec::new(), ports: Vec::new(), cluster, controller };
        for id in REPLICAS {
            group.start_replica(id);
        }
        group
    }

    fn start_replica(&mut self, id: i64) {
        let (name, port) = (format!("replica-{id}"), free_port());
        let first = fs::read_to_string(self.cluster.path("broker.conf")).unwrap();
        let own = format!(
            "listenPort={port}\nstorePathRootDir={}\n",
            self.cluster.path(&format!("store-{name}")).display()
        );
        fs::write(self.cluster.path(&format!("{name}.conf")), first + &own).unwrap();
        let mut replica = self.cluster.start_java_server("org.apache.rocketmq.broker.BrokerStartup", &name);
        replica.wait_for_port(port, LIMIT);
        self.wait_for(1, &(1..=id).collect::<Vec<_>>());
        self.replicas.push(replica);
        self.ports.push(port);
    }

    /// What the controller says of the brokers; null before it knows any.
    fn state(&self) -> Value {
        let words = format!("getSyncStateSet -a {} -b broker-a --json", self.controller);
        let said: Value = serde_json::from_slice(&admin(&self.cluster, &words).stdout).unwrap_or_default();
        said["replicas"]["broker-a"].clone()
    }

    /// Waits until the controller says so of the brokers. Panics with what it says instead.
    fn wait_until(&self, is_so: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let state = self.state();
            if is_so(&state) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{state}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until one broker is the master, and others have what it has.
    fn wait_for(&self, master: i64, in_sync: &[i64]) {
        self.wait_until(|state| {
            let ids = ids(&state["inSyncReplicas"]);
            state["masterBrokerId"] == master && in_sync.iter().all(|id| ids.contains(id))
        });
    }

    fn compare(&self) {
        let Self { cluster, controller, .. } = self;
        let broker = cluster.broker_addr();
        printed(cluster, &format!("updateTopic -t orders -b {broker} -r 1 -w 1"));
        cluster.wait_for_route(0, "orders");
        assert!(printed(cluster, "sendMessage -t orders -p body").contains("SEND_OK"));
        until(|| {
            let output = admin(cluster, &format!("haStatus -b {broker} --json"));
            let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let slaves = status["slaves"].as_array().map(Vec::as_slice).unwrap_or_default();
            slaves.len() == 2 && slaves.iter().all(|slave| slave["diff"] == 0)
        });
        compare_all(
            cluster,
            &[
                format!("getControllerMetaData -a {controller}"),
                format!("updateControllerConfig -a {controller} -k scanNotActiveBrokerInterval -v 1000"),
                format!("getControllerConfig -a {controller}"),
                format!("getSyncStateSet -a {controller} -b broker-a"),
                format!("getSyncStateSet -a {controller} -c DefaultCluster"),
                "getBrokerEpoch -b broker-a".to_owned(),
                "getBrokerEpoch -c DefaultCluster".to_owned(),
                "haStatus -c DefaultCluster".to_owned(),
                format!("haStatus -b {broker}"),
                format!("haStatus -b 127.0.0.1:{}", self.ports[0]),
            ],
        );
        let config = json(cluster, &format!("getControllerConfig -a {controller}"));
        assert_eq!(config["config"]["scanNotActiveBrokerInterval"], "1000", "{config}");
    }

    /// Java's tool makes another broker the master, ours the first one again.
    fn masters_are_elected(&self) {
        let elect = |id| format!("electMaster -a {} -bn broker-a -c DefaultCluster -b {id}", self.controller);
        let java = java_admin_tool(&self.cluster, &[&elect(2)]).remove(0);
        // Whether the third follows the new master is of no account.
        self.wait_for(2, &[1]);
        let ours = printed(&self.cluster, &elect(1));
        self.wait_for(1, &[1]);
        assert_eq!(without_numbers(&ours), without_numbers(&java));
        let refused = admin(&self.cluster, &elect(1));
        let error = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && error.contains("still alive"), "{error}");
    }

    /// One broker that is gone is forgotten by way of either tool.
    fn brokers_are_forgotten(mut self) {
        self.replicas.iter_mut().for_each(Process::kill);
        let are_gone = |state: &Value| {
            let replicas = state["notInSyncReplicas"].as_array().map(Vec::as_slice).unwrap_or_default();
            replicas.len() == REPLICAS.count() && replicas.iter().all(|replica| replica["alive"] == false)
        };
        self.wait_until(are_gone);
        let clean =
            |id| format!("cleanBrokerMetadata -a {} -bn broker-a -c DefaultCluster -b {id}", self.controller);
        let java = java_admin_tool(&self.cluster, &[&clean(2)]).remove(0);
        let known = || self.state()["notInSyncReplicas"].as_array().unwrap().len();
        assert_eq!(known(), 1);
        assert_eq!(printed(&self.cluster, &clean(3)), java);
        assert_eq!(known(), 0);
    }
}

/// The numbers of brokers in a list of the controller's.
fn ids(replicas: &Value) -> BTreeSet<i64> {
    let replicas = replicas.as_array().map(Vec::as_slice).unwrap_or_default();
    replicas.iter().filter_map(|replica| replica["brokerId"].as_i64()).collect()
}

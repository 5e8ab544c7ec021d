use common::config::MachineDefaults;
use remoting::body::auth::{PolicyEntryInfo, PolicyInfo};

use super::*;
use crate::metadata::MemoryMetadata;

const PROVIDER: &str = "org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider";

fn config(provider: Option<&str>) -> AuthConfig {
    let machine = MachineDefaults {
        cores: 2,
        host_name: "broker-a".to_owned(),
        local_address: "192.0.2.1".to_owned(),
        user_home: "/nowhere".to_owned(),
        rocketmq_home: None,
        namesrv_addr: None,
    };
    AuthConfig {
        authentication_metadata_provider: provider.map(str::to_owned),
        authorization_metadata_provider: provider.map(str::to_owned),
        ..AuthConfig::with_defaults(&machine)
    }
}

fn user(password: &str, user_type: Option<&str>) -> UserInfo {
    UserInfo {
        password: Some(password.to_owned()),
        user_type: user_type.map(str::to_owned),
        ..UserInfo::default()
    }
}

fn list(policy_type: Option<&str>, resource: &str, decision: &str) -> AclInfo {
    let entry = PolicyEntryInfo {
        actions: Some(vec!["pub".to_owned(), "SUB".to_owned(), "what".to_owned()]),
        decision: Some(decision.to_owned()),
        resource: Some(resource.to_owned()),
        source_ips: Some(vec!["192.0.2.0/24".to_owned()]),
    };
    let policy = PolicyInfo { entries: Some(vec![entry]), policy_type: policy_type.map(str::to_owned) };
    AclInfo { policies: Some(vec![policy]), subject: None }
}

fn manager() -> (AuthMetadataManager, Arc<MemoryMetadata>) {
    let memory = Arc::new(MemoryMetadata::default());
    let metadata = Arc::clone(&memory) as Arc<dyn MetadataStore>;
    (AuthMetadataManager::load(&config(Some(PROVIDER)), &metadata).unwrap(), memory)
}

#[test]
fn users_come_change_and_go_and_outlive_the_broker() {
    let (manager, memory) = manager();
    manager.create_user("alice", user("secret", Some("super"))).unwrap();
    manager.create_user("bob", user("other", None)).unwrap();
    manager
        .update_user("bob", UserInfo { user_status: Some("DISABLE".to_owned()), ..UserInfo::default() })
        .unwrap();
    let metadata = Arc::clone(&memory) as Arc<dyn MetadataStore>;
    let again = AuthMetadataManager::load(&config(Some(PROVIDER)), &metadata).unwrap();
    let bob = again.user("bob").unwrap().unwrap();
    assert_eq!(
        fastjson::to_string(&bob),
        r#"{"password":"other","userStatus":"disable","userType":"Normal","username":"bob"}"#
    );
    assert_eq!(again.user("alice").unwrap().unwrap().user_type.as_deref(), Some("Super"));
    assert_eq!(again.users(Some("li")).unwrap().len(), 1);
    again.delete_user("alice").unwrap();
    again.delete_user("alice").unwrap();
    assert_eq!(again.users(None).unwrap().len(), 1);
    assert!(!format!("{bob:?}").contains("other"));
}

#[test]
fn what_is_wrong_with_a_user_is_said_in_rocketmqs_words() {
    let (manager, _) = manager();
    manager.create_user("alice", user("secret", None)).unwrap();
    for (refused, text) in [
        (manager.create_user("", user("x", None)), "The username is blank"),
        (manager.create_user(" ", user("x", None)), "username can not be blank"),
        (manager.create_user("bob", user(" ", None)), "password can not be blank"),
        (manager.create_user("alice", user("x", None)), "The user is existed"),
        (manager.create_user("bob", user("x", Some("root"))), "userType is one of Super, Normal"),
        (manager.update_user("bob", user("x", None)), "The user is not exist"),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), text);
    }
}

#[test]
fn policies_are_merged_by_kind_and_resource() {
    let (manager, memory) = manager();
    manager.create_user("alice", user("secret", None)).unwrap();
    let subject = Some("user:alice");
    manager.put_acl(subject, &list(None, "topic:T", "allow")).unwrap();
    manager.put_acl(subject, &list(Some("default"), "*", "Deny")).unwrap();
    manager.put_acl(subject, &list(Some("Custom"), "Topic:T", "DENY")).unwrap();
    let kept = manager.acl(subject).unwrap().unwrap();
    assert_eq!(
        fastjson::to_string(&kept),
        concat!(
            r#"{"policies":[{"entries":[{"actions":["Pub","Sub"],"decision":"Deny","resource":"Topic:T","#,
            r#""sourceIps":["192.0.2.0/24"]}],"policyType":"Custom"},"#,
            r#"{"entries":[{"actions":["Pub","Sub"],"decision":"Deny","resource":"*","#,
            r#""sourceIps":["192.0.2.0/24"]}],"policyType":"Default"}],"subject":"User:alice"}"#
        )
    );
    assert_eq!(manager.acls(None, Some("Topic")).unwrap()[0].policies.as_ref().unwrap().len(), 1);
    assert!(manager.acls(Some("bob"), None).unwrap().is_empty());
    manager.delete_acl(subject, None, Some("Topic:T")).unwrap();
    manager.delete_acl(subject, Some("Default"), Some("*")).unwrap();
    assert_eq!(manager.acl(subject).unwrap(), None);
    assert!(memory.text("acls.json").is_some_and(|text| !text.contains("alice")));
}

#[test]
fn what_is_wrong_with_a_list_is_said_in_rocketmqs_words() {
    let (manager, _) = manager();
    manager.create_user("alice", user("secret", None)).unwrap();
    let alice = Some("User:alice");
    let good = || list(None, "Topic:T", "Allow");
    let mut any = good();
    any.policies.as_mut().unwrap()[0].entries.as_mut().unwrap()[0].actions = Some(vec!["Any".to_owned()]);
    let mut far = good();
    far.policies.as_mut().unwrap()[0].entries.as_mut().unwrap()[0].source_ips =
        Some(vec!["nowhere".to_owned()]);
    for (refused, text) in [
        (manager.put_acl(Some("Robot:r"), &good()), "The subject type is null."),
        (manager.put_acl(Some("User:bob"), &good()), "The subject of User:bob is not exist."),
        (manager.put_acl(alice, &AclInfo::default()), "The policies is empty."),
        (manager.put_acl(alice, &list(None, "Queue:Q", "Allow")), "The resource is null."),
        (manager.put_acl(alice, &list(None, "Topic:T", "perhaps")), "The decision is null or illegal."),
        (manager.put_acl(alice, &any), "The actions can not be Any."),
        (manager.put_acl(alice, &far), "The source ip is invalid."),
        (manager.delete_acl(alice, None, None), "The acl is not exist."),
        (manager.delete_acl(Some("User:bob"), None, None), "The subject is not exist."),
        (manager.delete_acl(alice, None, Some("Queue:Q")), "The resource is null."),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), text);
    }
}

#[test]
fn without_a_provider_nothing_is_kept() {
    let memory = Arc::new(MemoryMetadata::default()) as Arc<dyn MetadataStore>;
    let manager = AuthMetadataManager::load(&config(None), &memory).unwrap();
    let refused = manager.create_user("alice", user("secret", None)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "users and ACLs are not kept by this broker: authenticationMetadataProvider is not configured"
    );
    assert!(manager.users(None).is_err() && manager.acls(None, None).is_err());
}

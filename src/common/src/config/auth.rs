//! The keys of authentication and authorization.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert, Refused};
use super::object::config_object;
use super::reasons::{AUTH, FILLED_IN};

config_object! {
    /// Configuration of access control (`AuthConfig`).
    pub struct AuthConfig(machine) {
        /// Name of the configuration; RocketMQ fills in the broker's name.
        "configName" config_name: Option<String> = None, Inert(FILLED_IN), fixed();
        /// Name of the cluster; RocketMQ fills in the broker's.
        "clusterName" cluster_name: Option<String> = None, Inert(FILLED_IN), fixed();
        /// Directory of users and policies; RocketMQ fills in `config` below the store.
        "authConfigPath" auth_config_path: Option<String> = None, Inert(FILLED_IN), fixed();
        /// Whether requests have to be signed by a known user.
        "authenticationEnabled" authentication_enabled: bool = false, Refused(AUTH), fixed();
        /// Class that checks signatures.
        "authenticationProvider" authentication_provider: Option<String> = None, Inert(AUTH), fixed();
        /// Class that keeps users.
        "authenticationMetadataProvider" authentication_metadata_provider: Option<String> = None, Honoured, fixed();
        /// Class that decides how often signatures are checked.
        "authenticationStrategy" authentication_strategy: Option<String> = None, Inert(AUTH), fixed();
        /// Request codes that need no signature.
        "authenticationWhitelist" authentication_whitelist: Option<String> = None, Inert(AUTH), fixed();
        /// User created at first start, as JSON.
        "initAuthenticationUser" init_authentication_user: Option<String> = None, Inert(AUTH), fixed();
        /// Credentials the broker itself uses, as JSON.
        "innerClientAuthenticationCredentials" inner_client_authentication_credentials: Option<String> = None, Inert(AUTH), fixed();
        /// Whether users need a policy for what they do.
        "authorizationEnabled" authorization_enabled: bool = false, Refused(AUTH), fixed();
        /// Class that checks policies.
        "authorizationProvider" authorization_provider: Option<String> = None, Inert(AUTH), fixed();
        /// Class that keeps policies.
        "authorizationMetadataProvider" authorization_metadata_provider: Option<String> = None, Honoured, fixed();
        /// Class that decides how often policies are checked.
        "authorizationStrategy" authorization_strategy: Option<String> = None, Inert(AUTH), fixed();
        /// Request codes that need no policy.
        "authorizationWhitelist" authorization_whitelist: Option<String> = None, Inert(AUTH), fixed();
        /// Whether users and policies of RocketMQ 4 are taken over.
        "migrateAuthFromV1Enabled" migrate_auth_from_v1_enabled: bool = false, Refused(AUTH), fixed();
        /// Users held in memory.
        "userCacheMaxNum" user_cache_max_num: i32 = 1000, Inert(AUTH), fixed();
        /// Seconds a user is held.
        "userCacheExpiredSecond" user_cache_expired_second: i32 = 600, Inert(AUTH), fixed();
        /// Seconds after which a held user is read again.
        "userCacheRefreshSecond" user_cache_refresh_second: i32 = 60, Inert(AUTH), fixed();
        /// Policies held in memory.
        "aclCacheMaxNum" acl_cache_max_num: i32 = 1000, Inert(AUTH), fixed();
        /// Seconds a policy is held.
        "aclCacheExpiredSecond" acl_cache_expired_second: i32 = 600, Inert(AUTH), fixed();
        /// Seconds after which a held policy is read again.
        "aclCacheRefreshSecond" acl_cache_refresh_second: i32 = 60, Inert(AUTH), fixed();
        /// Connections whose authentication is remembered.
        "statefulAuthenticationCacheMaxNum" stateful_authentication_cache_max_num: i32 = 10_000, Inert(AUTH), fixed();
        /// Seconds it is remembered.
        "statefulAuthenticationCacheExpiredSecond" stateful_authentication_cache_expired_second: i32 = 60, Inert(AUTH), fixed();
        /// Connections whose authorization is remembered.
        "statefulAuthorizationCacheMaxNum" stateful_authorization_cache_max_num: i32 = 10_000, Inert(AUTH), fixed();
        /// Seconds it is remembered.
        "statefulAuthorizationCacheExpiredSecond" stateful_authorization_cache_expired_second: i32 = 60, Inert(AUTH), fixed();
    }
}

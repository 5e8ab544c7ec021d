//! Which values must not appear in listings, logs and error texts.

/// What stands in the place of a secret.
pub const REDACTED: &str = "******";

/// Whether a key's value is or may contain a secret.
pub fn is_secret(key: &str) -> bool {
    const PARTS: [&str; 6] =
        ["credential", "secret", "password", "initauthenticationuser", "exporterheader", "socksproxyconfig"];
    let key = key.to_ascii_lowercase();
    PARTS.iter().any(|part| key.contains(part))
}

/// The value as it may be shown: itself, or [`REDACTED`] for a secret that is not empty, as a text or as a map.
pub fn redact<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) && !matches!(value, "" | "{}") { REDACTED } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_secrets_only() {
        assert_eq!(redact("innerClientAuthenticationCredentials", r#"{"accessKey":"a"}"#), REDACTED);
        assert_eq!(redact("initAuthenticationUser", r#"{"username":"a"}"#), REDACTED);
        assert_eq!(redact("socksProxyConfig", "{}"), "{}");
        assert_eq!(redact("objectStoreSecretKey", "k"), REDACTED);
        assert_eq!(redact("objectStoreSecretKey", ""), "");
        assert_eq!(redact("brokerName", "broker-a"), "broker-a");
        assert_eq!(redact("authenticationEnabled", "true"), "true");
    }
}

//! Specimens of every family, assembled at run time so that no line here looks like a live credential.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) const ALPHANUMERIC: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(crate) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(crate) const HEX: &str = "0123456789abcdef";

/// Characters of an alphabet in an order that the seed decides.
pub(crate) fn body(alphabet: &str, length: usize, seed: u64) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[usize::try_from(state >> 33).unwrap_or(0) % letters.len()]
    };
    (0..length).map(|_| next()).collect()
}

/// A rule's name, a text of that family, and the part of the text that must not survive.
pub(crate) struct Specimen {
    pub(crate) rule: &'static str,
    pub(crate) text: String,
    pub(crate) secret: String,
}

/// Families that are known by a head and the body that follows it.
const HEADS: &[(&str, &[&str], usize)] = &[
    ("anthropic_key", &["sk", "-ant-", "api03-"], 40),
    ("openai_key", &["sk", "-"], 48),
    ("openai_key", &["sk", "-proj-"], 48),
    ("google_api_key", &["AI", "za"], 35),
    ("github_pat", &["gh", "p_"], 36),
    ("github_pat", &["github", "_pat_"], 60),
    ("github_oauth", &["gh", "o_"], 36),
    ("github_app", &["gh", "s_"], 36),
    ("github_app", &["gh", "u_"], 36),
    ("github_app", &["gh", "r_"], 36),
    ("slack_token", &["xox", "b-", "1234-"], 24),
    ("slack_token", &["xox", "p-"], 24),
    ("stripe_live_key", &["sk", "_live_"], 24),
    ("stripe_live_key", &["rk", "_live_"], 24),
    ("stripe_test_key", &["pk", "_test_"], 24),
    ("modelstat_device_secret", &["ds", "_live_"], 64),
    ("modelstat_key", &["msk", "_live_"], 20),
    ("modelstat_key", &["msr", "_live_"], 32),
    ("modelstat_key", &["msa", "_live_"], 32),
    ("openrouter_key", &["sk", "-or-v1-"], 64),
    ("groq_key", &["gs", "k_"], 52),
    ("huggingface_token", &["h", "f_"], 34),
    ("xai_key", &["xa", "i-"], 80),
    ("gitlab_pat", &["gl", "pat-"], 20),
    ("npm_token", &["np", "m_"], 36),
    ("google_oauth_token", &["ya", "29."], 60),
    ("sendgrid_key", &["S", "G."], 66),
    ("vault_token", &["hv", "s."], 24),
];

/// One specimen of each family, with bodies that the seed decides.
pub(crate) fn specimens(seed: u64) -> Vec<Specimen> {
    let fresh = |length| body(ALPHANUMERIC, length, seed.wrapping_add(length as u64));
    let whole = |rule, text: String| Specimen { rule, secret: text.clone(), text };
    let mut all: Vec<Specimen> = HEADS
        .iter()
        .map(|(rule, head, length)| whole(rule, head.concat() + &fresh(*length)))
        .collect();
    let part = |rule, head: String, secret: String, tail: &str| Specimen {
        rule,
        text: head + &secret + tail,
        secret,
    };
    all.extend([
        whole("aws_access_key", ["AK", "IA"].concat() + &body(UPPER, 16, seed)),
        whole("aws_access_key", ["AS", "IA"].concat() + &body(UPPER, 16, seed)),
        whole("aws_secret_key", fresh(28) + "/+" + &fresh(10)),
        whole("discord_token", format!("M{}.{}.{}", fresh(23), fresh(6), fresh(27))),
        whole("discord_token", format!("N{}.{}.{}", fresh(25), fresh(6), fresh(38))),
        whole("jwt", format!("ey{}{}.{}.{}", "J", fresh(18), fresh(40), fresh(43))),
        whole("email", format!("{}.{}@{}.example.com", fresh(5), fresh(7), fresh(4))),
        whole("path", format!("/ho{}/{}/src/lib.rs", "me", fresh(6))),
        whole("path", format!("/Us{}/{}", "ers", fresh(6))),
        whole("path", format!("/ro{}/.ssh/config", "ot")),
        whole("path", format!("C:/Us{}/{}/Desktop", "ers", fresh(6))),
        part("bearer", "Bear".to_owned() + "er ", fresh(32), ""),
        part("bearer", "Authorization: Bas".to_owned() + "ic ", fresh(24), ""),
        part("env_secret", ["MY_SERVICE", "_TOKEN="].concat(), fresh(20), ""),
        part("env_secret", ["PASS", "WORD="].concat(), fresh(16), ""),
        part("env_secret", ["api", "_key="].concat(), fresh(24) + "7a", ""),
        part("env_secret", ["client", "Secret: "].concat(), fresh(24) + "7a", ""),
    ]);
    let schemes = [
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "mongodb",
        "mongodb+srv",
        "redis",
        "rediss",
        "amqp",
        "amqps",
    ];
    for scheme in schemes {
        all.push(part(
            "db_password",
            format!("{scheme}://user:"),
            fresh(9),
            "@db.example.internal/app",
        ));
    }
    all.push(part("db_password", "redis://:".to_owned(), fresh(9), "@cache"));
    all.push(part("url_password", "https://user:".to_owned(), fresh(9), "@example.com/x"));
    all
}

/// The text of a private key of that kind; `None` leaves its last line out.
pub(crate) fn private_key(kind: &str, line_break: &str, is_whole: bool, seed: u64) -> String {
    let line =
        |what: &str| format!("{dashes}{what} {kind}PRIVATE KEY{dashes}", dashes = "-".repeat(5));
    let lines = [body(ALPHANUMERIC, 64, seed), body(ALPHANUMERIC, 33, seed + 1)].join(line_break);
    let head = line("BEGIN") + line_break + &lines;
    if is_whole { head + line_break + &line("END") } else { head }
}

//! The rules as data: names, classes, and the literal heads of keys with what must follow them.

use crate::bytes::Charset;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something that opens a door: a key, a token, a password.
    Secret,
    /// Something about a person: an address, a home directory.
    Pii,
}

/// How much a match says about what it is: of two that overlap, the higher one names the finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tier {
    /// A secret by its length alone.
    Length,
    /// Personal data, by its form.
    Personal,
    /// A secret by what stands around it.
    Context,
    /// A secret by its own form.
    Typed,
}

/// A kind of thing that the floor hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    name: &'static str,
    tier: Tier,
}

impl Rule {
    /// The name in the placeholder, such as `email`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What a finding of this rule is about.
    pub fn class(self) -> Class {
        match self.tier {
            Tier::Personal => Class::Pii,
            Tier::Length | Tier::Context | Tier::Typed => Class::Secret,
        }
    }

    /// Every rule, each once.
    pub fn all() -> impl Iterator<Item = Rule> {
        let rows = KEY_FORMS.iter().enumerate();
        let firsts = rows.filter(|(at, row)| {
            !KEY_FORMS.iter().take(*at).any(|earlier| earlier.rule == row.rule)
        });
        NAMED.iter().copied().chain(firsts.map(|(_, row)| row.rule))
    }

    /// The rule of that name.
    pub fn from_name(name: &str) -> Option<Rule> {
        Self::all().find(|rule| rule.name == name)
    }

    pub(crate) fn tier(self) -> Tier {
        self.tier
    }
}

const fn rule(name: &'static str, tier: Tier) -> Rule {
    Rule { name, tier }
}

pub(crate) const AWS_SECRET_KEY: Rule = rule("aws_secret_key", Tier::Length);
pub(crate) const BEARER: Rule = rule("bearer", Tier::Context);
pub(crate) const DB_PASSWORD: Rule = rule("db_password", Tier::Context);
pub(crate) const DISCORD_TOKEN: Rule = rule("discord_token", Tier::Typed);
pub(crate) const EMAIL: Rule = rule("email", Tier::Personal);
pub(crate) const ENV_SECRET: Rule = rule("env_secret", Tier::Context);
pub(crate) const JWT: Rule = rule("jwt", Tier::Typed);
pub(crate) const PATH: Rule = rule("path", Tier::Personal);
pub(crate) const PRIVATE_KEY: Rule = rule("private_key", Tier::Typed);
pub(crate) const REDACTION_FAILED: Rule = rule("redaction_failed", Tier::Typed);
pub(crate) const URL_PASSWORD: Rule = rule("url_password", Tier::Context);

/// The rules with code of their own.
const NAMED: &[Rule] = &[
    AWS_SECRET_KEY,
    BEARER,
    DB_PASSWORD,
    DISCORD_TOKEN,
    EMAIL,
    ENV_SECRET,
    JWT,
    PATH,
    PRIVATE_KEY,
    REDACTION_FAILED,
    URL_PASSWORD,
];

/// What must hold around a key besides its head and the length of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Nothing: the head is unlike any word.
    Free,
    /// No letter or digit right before the head, which could end a word.
    Left,
    /// None right after either, and the body is exactly as long as said.
    Exact,
    /// As `Left` or a body that mixes cases and digits; and never a body of hyphenated words.
    NotWords,
}

/// A family of keys with a literal head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyForm {
    pub(crate) rule: Rule,
    pub(crate) head: &'static str,
    pub(crate) body: Charset,
    /// The shortest body that is a key.
    pub(crate) min: usize,
    pub(crate) edge: Edge,
}

const fn key(
    name: &'static str,
    head: &'static str,
    body: Charset,
    min: usize,
    edge: Edge,
) -> KeyForm {
    KeyForm { rule: rule(name, Tier::Typed), head, body, min, edge }
}

const ALNUM: Charset = Charset::ALPHANUMERIC;
const WORD: Charset = Charset::WORD;
const KEBAB: Charset = Charset::KEBAB;
const TOKEN: Charset = Charset::TOKEN;
const DOTTED: Charset = Charset::DOTTED;
const BASE64: Charset = Charset::BASE64;
const UPPER: Charset = Charset::UPPER;

/// Keys by their head; of several heads that match at one place, the longest names the finding.
///
/// A head has at least three bytes and should end in a byte that is rare in text.
pub(crate) static KEY_FORMS: &[KeyForm] = &[
    // The published floor's.
    key("anthropic_key", "sk-ant-", TOKEN, 20, Edge::NotWords),
    key("openai_key", "sk-", TOKEN, 20, Edge::NotWords),
    // `AIza`, known by its rare third letter.
    key("google_api_key", "AIz", TOKEN, 36, Edge::Free),
    key("aws_access_key", "AKIA", UPPER, 16, Edge::Exact),
    key("aws_access_key", "ASIA", UPPER, 16, Edge::Exact),
    key("github_pat", "ghp_", ALNUM, 36, Edge::Free),
    key("github_pat", "github_pat_", WORD, 22, Edge::Free),
    key("github_oauth", "gho_", ALNUM, 36, Edge::Free),
    key("github_app", "ghs_", ALNUM, 36, Edge::Free),
    key("github_app", "ghu_", ALNUM, 36, Edge::Free),
    key("github_app", "ghr_", ALNUM, 36, Edge::Free),
    key("slack_token", "xoxa-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxb-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxc-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxd-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxe-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxp-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxr-", KEBAB, 10, Edge::Free),
    key("slack_token", "xoxs-", KEBAB, 10, Edge::Free),
    key("slack_token", "xapp-1-", KEBAB, 20, Edge::Free),
    key("stripe_live_key", "sk_live_", ALNUM, 24, Edge::Free),
    key("stripe_live_key", "pk_live_", ALNUM, 24, Edge::Free),
    key("stripe_live_key", "rk_live_", ALNUM, 24, Edge::Free),
    key("stripe_test_key", "sk_test_", ALNUM, 24, Edge::Free),
    key("stripe_test_key", "pk_test_", ALNUM, 24, Edge::Free),
    key("stripe_test_key", "rk_test_", ALNUM, 24, Edge::Free),
    key("modelstat_device_secret", "ds_live_", TOKEN, 32, Edge::Free),
    // Our own keys: `msk_` is what the published service mints.
    key("modelstat_key", "msk_live_", TOKEN, 20, Edge::Left),
    key("modelstat_key", "msr_live_", TOKEN, 20, Edge::Left),
    key("modelstat_key", "msa_live_", TOKEN, 20, Edge::Left),
    key("modelstat_key", "msk_", ALNUM, 32, Edge::Left),
    // Other providers of models.
    key("deepgram_key", "dg_", ALNUM, 40, Edge::Left),
    key("fireworks_key", "fw_", ALNUM, 24, Edge::Left),
    key("groq_key", "gsk_", ALNUM, 40, Edge::Left),
    key("huggingface_token", "hf_", ALNUM, 30, Edge::Left),
    key("langfuse_key", "sk-lf-", TOKEN, 32, Edge::Left),
    key("langsmith_key", "lsv2_", WORD, 40, Edge::Left),
    key("nvidia_key", "nvapi-", TOKEN, 40, Edge::Left),
    key("openrouter_key", "sk-or-v1-", ALNUM, 40, Edge::Left),
    key("perplexity_key", "pplx-", ALNUM, 40, Edge::Left),
    key("replicate_key", "r8_", ALNUM, 36, Edge::Left),
    key("tavily_key", "tvly-", TOKEN, 24, Edge::NotWords),
    key("xai_key", "xai-", ALNUM, 40, Edge::Left),
    // Code hosts, registries, clouds and services.
    key("digitalocean_token", "dop_v1_", ALNUM, 60, Edge::Free),
    key("digitalocean_token", "doo_v1_", ALNUM, 60, Edge::Free),
    key("docker_token", "dckr_pat_", TOKEN, 20, Edge::Free),
    key("figma_token", "figd_", TOKEN, 36, Edge::Left),
    key("gitlab_pat", "glpat-", DOTTED, 20, Edge::NotWords),
    key("gitlab_token", "gldt-", TOKEN, 20, Edge::NotWords),
    key("gitlab_token", "glrt-", TOKEN, 20, Edge::NotWords),
    key("google_oauth_token", "ya29.", TOKEN, 20, Edge::Left),
    key("google_oauth_secret", "GOCSPX-", TOKEN, 24, Edge::Left),
    key("grafana_token", "glc_", BASE64, 32, Edge::Left),
    key("grafana_token", "glsa_", WORD, 36, Edge::Left),
    key("linear_key", "lin_api_", ALNUM, 32, Edge::Free),
    key("newrelic_key", "NRAK-", ALNUM, 24, Edge::Left),
    key("notion_token", "ntn_", ALNUM, 40, Edge::Left),
    key("npm_token", "npm_", ALNUM, 36, Edge::Left),
    key("planetscale_token", "pscale_tkn_", TOKEN, 32, Edge::Free),
    key("postman_key", "PMAK-", KEBAB, 40, Edge::Left),
    key("pypi_token", "pypi-AgE", TOKEN, 50, Edge::Free),
    key("rubygems_key", "rubygems_", ALNUM, 40, Edge::Left),
    key("sendgrid_key", "SG.", DOTTED, 60, Edge::Left),
    key("sentry_token", "sntrys_", BASE64, 40, Edge::Left),
    key("shopify_token", "shpat_", ALNUM, 32, Edge::Left),
    key("shopify_token", "shpca_", ALNUM, 32, Edge::Left),
    key("shopify_token", "shppa_", ALNUM, 32, Edge::Left),
    key("shopify_token", "shpss_", ALNUM, 32, Edge::Left),
    key("stripe_webhook_secret", "whsec_", BASE64, 24, Edge::Left),
    key("supabase_token", "sbp_", ALNUM, 40, Edge::Left),
    key("vault_token", "hvs.", TOKEN, 24, Edge::Left),
];

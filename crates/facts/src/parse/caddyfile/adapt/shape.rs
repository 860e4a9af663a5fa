//! What is said of a file, in the form in which facts carry it.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Problem;
use super::Global;

/// A file, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapted {
    /// What is wrong with it, by file and line.
    pub errors: Vec<Problem>,
    /// Why there may be more wrong with it: text that we do not have.
    pub unread: Option<Reason>,
    /// Its global options.
    pub global: Global,
    /// Its snippets.
    pub snippets: Observed<Vec<Snippet>>,
    /// Its imports.
    pub imports: Vec<Import>,
    /// The environment variables that it uses.
    pub environment: Vec<Variable>,
    /// Its sites.
    pub sites: Observed<Vec<Site>>,
    /// The upstreams of all sites.
    pub upstreams: Observed<Vec<SiteUpstream>>,
    /// The host names of all sites, sorted, each once.
    pub hosts: Observed<Vec<String>>,
    /// Host names that two sites serve on one port and path, sorted.
    pub duplicate_hosts: Observed<Vec<String>>,
}

/// A snippet: `(name) { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snippet {
    /// Its name, without the parentheses.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line of its name.
    pub line: u64,
}

/// An `import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// What it names, import arguments put in.
    pub pattern: String,
    /// `snippet` or `file`; a pattern of files is `file`.
    pub kind: String,
    /// Whether its text was found and read. A pattern that fits no file is resolved.
    pub resolved: bool,
    /// The file it stands in.
    pub file: String,
    /// The line it stands in.
    pub line: u64,
}

/// An environment placeholder, `{$NAME}` or `{$NAME:default}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// Whether a default is written; its text is not recorded.
    pub has_default: bool,
    /// The file it stands in.
    pub file: String,
    /// The line it stands in.
    pub line: u64,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its addresses as written.
    pub addresses: Vec<String>,
    /// Its host names: lower case, without scheme, port and path; an address such as
    /// `:443` has none. Unknown when an address depends on the environment.
    pub hosts: Observed<Vec<String>>,
    /// The line of its first address.
    pub line: u64,
    /// The file of its first address.
    pub file: String,
    /// The arguments of its `tls` directive; absent when it has none.
    pub tls: Observed<Vec<String>>,
    /// The snippets and files that it imports, directly or not.
    pub imports: Vec<String>,
    /// Where its proxies send requests, at whatever depth they stand.
    pub upstreams: Observed<Vec<Upstream>>,
    /// What its proxies do to the headers of requests, at whatever depth they stand.
    pub headers_up: Observed<Vec<HeaderUp>>,
    /// The directives at its top level, imports replaced by what they bring.
    pub directives: Observed<Vec<Directive>>,
}

/// A directive of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directive {
    /// Its name; of a named matcher, its name with the `@`.
    pub name: String,
    /// Its arguments without the matcher; what looks like a secret is masked.
    pub args: Vec<String>,
    /// The matcher before the arguments: `*`, `/path` or `@name`; empty when there is none.
    pub matcher: String,
    /// Whether it has a block.
    pub block: bool,
    /// The line it stands in.
    pub line: u64,
    /// The file it stands in.
    pub file: String,
}

/// Where a proxy sends requests. A range of ports is several upstreams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The address as written; of a dynamic upstream the words after `dynamic`.
    pub address: String,
    /// The protocol: `http`, `https`, `h2c` or `fastcgi`.
    pub scheme: Observed<String>,
    /// How it is reached: `tcp`, `udp`, `unix` and so on, or `dynamic`.
    pub network: String,
    /// The host, or the name that a dynamic upstream looks up; absent for a unix socket.
    /// Unknown when it is a placeholder.
    pub host: Observed<String>,
    /// The port; absent for a unix socket. Unknown when it is a placeholder or looked up.
    pub port: Observed<i64>,
    /// The directive: `reverse_proxy`, `php_fastcgi` or `forward_auth`.
    pub directive: String,
    /// The line it stands in.
    pub line: u64,
}

/// An upstream with its site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteUpstream {
    /// The site's first address as written.
    pub site: String,
    /// As in the site.
    pub address: String,
    /// As in the site.
    pub scheme: Observed<String>,
    /// As in the site.
    pub host: Observed<String>,
    /// As in the site.
    pub port: Observed<i64>,
    /// As in the site.
    pub line: u64,
}

/// A `header_up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderUp {
    /// The header as written: a `-` before it deletes, a `+` adds, a `?` sets a default.
    pub name: String,
    /// The value, or what is searched when there is a replacement; absent for a deletion.
    /// What looks like a secret is masked.
    pub value: Observed<String>,
    /// The replacement, when the value is what is searched.
    pub replacement: Observed<String>,
    /// The line it stands in.
    pub line: u64,
}

//! The functions of expressions: one table for the compiler, the checker and the reference.

/// A function, as the reference shows it.
#[derive(Debug)]
pub struct FunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// How it is called and what it gives.
    pub signature: &'static str,
    /// What it does.
    pub about: &'static str,
    /// A call that is true.
    pub example: &'static str,
    pub(super) func: Func,
    pub(super) style: Style,
    pub(super) takes: &'static [Want],
    pub(super) gives: Give,
}

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Func {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
    Replace,
    Int,
    Double,
    String,
    Bool,
    Min,
    Max,
    Distinct,
    Sort,
    Flatten,
    VersionCompare,
    InCidr,
    Subset,
    Disjoint,
    SameSet,
    Without,
    Intersection,
    Age,
    Day,
    SeenSince,
    HostOf,
    PortOf,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`
    Method,
    /// Either.
    Both,
}

/// What an argument has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// A bool, number or string.
    Scalar,
    /// A number.
    Number,
    /// A string.
    Str,
    /// A list.
    List,
    /// A string, list or map.
    Sized,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Give {
    Bool,
    Int,
    Float,
    Str,
    Strings,
    /// The type of the first argument.
    First,
    /// The element of the first argument.
    Element,
}

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static FunctionDoc> {
    FUNCTIONS.iter().find(|doc| doc.name == name)
}

/// The row of a function.
pub(super) fn row(func: Func) -> Option<&'static FunctionDoc> {
    FUNCTIONS.iter().find(|doc| doc.func == func)
}

macro_rules! functions {
    ($($name:literal $func:ident $style:ident [$($want:ident)*] $give:ident, $signature:literal, $about:literal, $example:literal;)*) => {
        /// Every function, the standard ones of the language first. The loops `all`, `exists`,
        /// `exists_one`, `map`, `filter` and `has()` belong to the language itself.
        pub const FUNCTIONS: &[FunctionDoc] = &[$(FunctionDoc {
            name: $name, signature: $signature, about: $about, example: $example,
            func: Func::$func, style: Style::$style, takes: &[$(Want::$want),*], gives: Give::$give,
        }),*];
    };
}

functions! {
    "size" Size Both [Sized] Int, "size(x) -> int",
        "How many characters a string, elements a list, or keys a map has.", "size([1, 2]) == 2";
    "contains" Contains Method [Str Str] Bool, "s.contains(part) -> bool",
        "Whether a string holds another.", "'abc'.contains('b')";
    "startsWith" StartsWith Method [Str Str] Bool, "s.startsWith(prefix) -> bool",
        "Whether a string begins with another.", "'abc'.startsWith('ab')";
    "endsWith" EndsWith Method [Str Str] Bool, "s.endsWith(suffix) -> bool",
        "Whether a string ends with another.", "'abc'.endsWith('bc')";
    "matches" Matches Both [Str Str] Bool, "s.matches(pattern) -> bool",
        "Whether a regular expression (linear time, no look-around) matches anywhere; anchor it with ^ and $.",
        "'v12'.matches('^v[0-9]+$')";
    "lowerAscii" LowerAscii Method [Str] Str, "s.lowerAscii() -> string",
        "The string with A to Z in lower case.", "'ABC'.lowerAscii() == 'abc'";
    "upperAscii" UpperAscii Method [Str] Str, "s.upperAscii() -> string",
        "The string with a to z in upper case.", "'abc'.upperAscii() == 'ABC'";
    "trim" Trim Method [Str] Str, "s.trim() -> string",
        "The string without white space at its ends.", "' a '.trim() == 'a'";
    "split" Split Method [Str Str] Strings, "s.split(separator) -> list of strings",
        "The parts between separators.", "'a,b'.split(',') == ['a', 'b']";
    "join" Join Method [List Str] Str, "list.join(separator) -> string",
        "The strings of a list with a separator between them.", "['a', 'b'].join(',') == 'a,b'";
    "replace" Replace Method [Str Str Str] Str, "s.replace(old, new) -> string",
        "The string with every `old` replaced.", "'a-b'.replace('-', '_') == 'a_b'";
    "int" Int Global [Scalar] Int, "int(x) -> int",
        "A number cut to a whole one, or the number that a string writes.", "int('12') == 12";
    "double" Double Global [Scalar] Float, "double(x) -> float",
        "A number, or the number that a string writes.", "double('1.5') == 1.5";
    "string" String Global [Scalar] Str, "string(x) -> string",
        "A bool or number as text.", "string(8080) == '8080'";
    "bool" Bool Global [Scalar] Bool, "bool(x) -> bool",
        "The bool that a string writes: true or false.", "bool('true')";
    "min" Min Both [List] Element, "min(list) -> element",
        "The least of the numbers or strings of a list; of none, absent.", "min([2, 1]) == 1";
    "max" Max Both [List] Element, "max(list) -> element",
        "The greatest of the numbers or strings of a list; of none, absent.", "max([2, 1]) == 2";
    "distinct" Distinct Both [List] First, "distinct(list) -> list",
        "The list with each element once, in the order of first appearance.", "distinct([1, 1]) == [1]";
    "sort" Sort Both [List] First, "sort(list) -> list",
        "The numbers or strings of a list in ascending order.", "sort([2, 1]) == [1, 2]";
    "flatten" Flatten Both [List] Element, "flatten(list of lists) -> list",
        "The elements of the lists in a list, one after the other.", "flatten([[1], [2]]) == [1, 2]";
    "version_compare" VersionCompare Global [Str Str] Int, "version_compare(a, b) -> int",
        "-1, 0 or 1 as version a is older than, the same as, or newer than b. A leading v is dropped and an \
         epoch (`1:`) counts first; then the dotted numbers are compared, missing ones as 0; then what \
         follows, as Debian does (~ before nothing, nothing before the rest), but alpha, beta, dev, pre \
         and rc come before the release. What does not begin with a digit is an error.",
        "version_compare('1.10', '1.9') > 0";
    "in_cidr" InCidr Global [Str Str] Bool, "in_cidr(address, network) -> bool",
        "Whether an IPv4 or IPv6 address is in a CIDR network.", "in_cidr('10.0.2.7', '10.0.2.0/24')";
    "subset" Subset Global [List List] Bool, "subset(a, b) -> bool",
        "Whether each element of a is in b. Of an empty a it says nothing, as all() does.", "subset([1], [1, 2])";
    "disjoint" Disjoint Global [List List] Bool, "disjoint(a, b) -> bool",
        "Whether no element of a is in b.", "disjoint([1], [2])";
    "same_set" SameSet Global [List List] Bool, "same_set(a, b) -> bool",
        "Whether two lists hold the same elements; order and repetition do not count.", "same_set([1, 2], [2, 1, 1])";
    "without" Without Global [List List] First, "without(a, b) -> list",
        "The elements of a that are not in b.", "without([1, 2], [2]) == [1]";
    "intersection" Intersection Global [List List] First, "intersection(a, b) -> list",
        "The elements of a that are in b.", "intersection([1, 2], [2]) == [2]";
    "age" Age Global [Number] Float, "age(seconds since 1970) -> seconds",
        "How long ago a time was, by the clock of the node that it was read on. A time up to two minutes ahead \
         came while we looked and is 0; one further ahead is an error, as no age can be told of it.",
        "age(now - 5.0) == 5.0";
    "day" Day Global [Number] Int, "day(seconds since 1970) -> int",
        "The day of a time in UTC, written as one number, such as 20260131.", "day(86400) == 19700102";
    "seen_since" SeenSince Global [Number Number] Bool, "seen_since(first, time) -> bool",
        "True when what was read of a log begins at a time or before it, and an error when it begins later: of \
         what was not read nothing can be said. Usually behind `!log.truncated_head ||`.",
        "seen_since(now - 5.0, now)";
    "host_of" HostOf Global [Str] Str, "host_of(url) -> string",
        "The host of a URL or of `host:port`, in lower case, without the brackets of an IPv6 address.",
        "host_of('https://a.example.com:8443/x') == 'a.example.com'";
    "port_of" PortOf Global [Str] Int, "port_of(url) -> int",
        "The port of a URL or of `host:port`, or the usual one of its scheme (http, https, ws, wss, ftp, \
         ssh, ldap, ldaps, postgres, postgresql, redis, smtp, imap, imaps); absent when there is neither.",
        "port_of('https://example.com/') == 443";
}

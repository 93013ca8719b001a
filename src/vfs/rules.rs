//! Rules by folder, and which of them a path falls under.

use std::collections::BTreeMap;
use std::fmt;

use super::limits::{RULE_DEPTH_MAX, RULES_MAX};
use super::path::{components, is_canonical};
use super::{Grants, NamePatterns};

/// One folder's rule. It holds for the folder's content and for everything below that has no rule
/// of its own; nothing is added up along the way.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// The folder, in the client's view: absolute, without `.`, `..` or a slash at the end.
    pub path: Vec<u8>,
    /// What it permits.
    pub grants: Grants,
    /// How it treats names.
    pub names: NamePatterns,
}

/// Why a list of rules cannot stand; the text names the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

/// The rules as the tree they stand for. Paths are compared component by component on the way down,
/// so `/a` never governs `/ab`.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleTree {
    /// The rule of `/`: without one, what no other rule governs permits nothing.
    top: Rule,
    below: BTreeMap<Vec<u8>, Folder>,
}

/// A folder with a rule, or one on the way to it.
#[derive(Clone, Debug, Default)]
struct Folder {
    rule: Option<Rule>,
    below: BTreeMap<Vec<u8>, Folder>,
}

impl Folder {
    fn hides(&self) -> bool {
        let own = self.rule.as_ref().is_some_and(|rule| rule.names.hides_any());
        own || self.below.values().any(Self::hides)
    }
}

/// Which component of a path a pattern caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// One of the folders on the way.
    Above,
    /// The last one.
    Last,
}

/// What the rules say about one path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// The rule of the folder that the entry is in; for `/`, its own.
    pub(super) holder: &'a Rule,
    /// The rule for what is in it, were it a folder.
    pub(super) own: &'a Rule,
    /// The last component; empty for `/`.
    pub(super) name: &'a [u8],
    /// Whether a rule is for this very path or for one below it.
    pub(super) ruled: bool,
    /// Whether a component is hidden.
    pub(super) hidden: Option<Caught>,
    /// Whether a component is denied.
    pub(super) denied: Option<Caught>,
}

impl RuleTree {
    /// Whether any rule hides names.
    pub(super) fn hides(&self) -> bool {
        self.top.names.hides_any() || self.below.values().any(Folder::hides)
    }

    /// The same for every folder.
    pub(super) fn permitting(grants: Grants) -> Self {
        let top = Rule { path: b"/".to_vec(), grants, names: NamePatterns::default() };
        Self { top, below: BTreeMap::new() }
    }

    pub(super) fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        if rules.len() > RULES_MAX {
            let count = rules.len();
            return Err(RuleError(format!("{count} rules, and {RULES_MAX} may stand")));
        }
        let mut tree = Self::default();
        let mut top = None;
        for rule in rules {
            let shown = rule.path.escape_ascii().to_string();
            if !is_canonical(&rule.path) {
                return Err(RuleError(format!("the folder {shown:?} is not written in full")));
            }
            if components(&rule.path).count() > RULE_DEPTH_MAX {
                return Err(RuleError(format!(
                    "the folder {shown:?} is more than {RULE_DEPTH_MAX} levels deep"
                )));
            }
            if tree.slot(&rule.path, &mut top).replace(rule).is_some() {
                return Err(RuleError(format!("the folder {shown:?} has two rules")));
            }
        }
        tree.top = top.unwrap_or_default();
        Ok(tree)
    }

    /// Where the rule of `path` is kept; that of `/` in `top`.
    fn slot<'a>(&'a mut self, path: &[u8], top: &'a mut Option<Rule>) -> &'a mut Option<Rule> {
        let (mut below, mut slot) = (&mut self.below, top);
        for name in components(path) {
            let folder = below.entry(name.to_vec()).or_default();
            (below, slot) = (&mut folder.below, &mut folder.rule);
        }
        slot
    }

    /// What the rules say about `path`, which is canonical.
    pub(super) fn standing<'a>(&'a self, path: &'a [u8]) -> Standing<'a> {
        let mut at = Standing {
            holder: &self.top,
            own: &self.top,
            name: b"",
            ruled: true,
            hidden: None,
            denied: None,
        };
        let mut below = Some(&self.below);
        for name in components(path) {
            let folder = below.and_then(|below| below.get(name));
            below = folder.map(|folder| &folder.below);
            at.enter(name, folder);
        }
        at
    }
}

impl<'a> Standing<'a> {
    /// Goes one component down, to what the rules know there.
    fn enter(&mut self, name: &'a [u8], folder: Option<&'a Folder>) {
        self.hidden = self.hidden.and(Some(Caught::Above));
        self.denied = self.denied.and(Some(Caught::Above));
        self.holder = self.own;
        self.name = name;
        if self.holder.names.hides(name) {
            self.hidden = self.hidden.or(Some(Caught::Last));
        }
        if self.holder.names.denies(name) {
            self.denied = self.denied.or(Some(Caught::Last));
        }
        self.ruled = folder.is_some();
        if let Some(rule) = folder.and_then(|folder| folder.rule.as_ref()) {
            self.own = rule;
        }
    }

    /// Whether it is `/`.
    pub(super) fn is_top(&self) -> bool {
        self.name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, grants: Grants) -> Rule {
        Rule { path: path.into(), grants, names: NamePatterns::default() }
    }

    fn tree() -> RuleTree {
        RuleTree::new(vec![
            rule("/a/b", Grants::UPLOAD),
            rule("/", Grants::LIST),
            rule("/a", Grants::DOWNLOAD),
            rule("/x/y", Grants::DELETE),
        ])
        .unwrap()
    }

    #[test]
    fn the_deepest_rule_governs_by_component() {
        // The path, the rule of the folder it is in, its own, whether a rule is at or below it.
        let cases = [
            ("/", Grants::LIST, Grants::LIST, true),
            ("/a", Grants::LIST, Grants::DOWNLOAD, true),
            ("/ab", Grants::LIST, Grants::LIST, false),
            ("/a/b", Grants::DOWNLOAD, Grants::UPLOAD, true),
            ("/a/bc", Grants::DOWNLOAD, Grants::DOWNLOAD, false),
            ("/a/b/c/d", Grants::UPLOAD, Grants::UPLOAD, false),
            ("/a/a/b", Grants::DOWNLOAD, Grants::DOWNLOAD, false),
            ("/b", Grants::LIST, Grants::LIST, false),
            ("/x", Grants::LIST, Grants::LIST, true),
            ("/x/y", Grants::LIST, Grants::DELETE, true),
            ("/x/y/z", Grants::DELETE, Grants::DELETE, false),
        ];
        let tree = tree();
        for (path, holder, own, ruled) in cases {
            let at = tree.standing(path.as_bytes());
            assert_eq!((at.holder.grants, at.own.grants, at.ruled), (holder, own, ruled), "{path}");
        }
        assert!(tree.standing(b"/").is_top() && !tree.standing(b"/a").is_top());
    }

    #[test]
    fn without_a_rule_nothing_is_permitted() {
        let tree = RuleTree::new(vec![rule("/a", Grants::ALL)]).unwrap();
        assert_eq!(tree.standing(b"/b/c").holder.grants, Grants::NONE);
        assert_eq!(tree.standing(b"/a/c").holder.grants, Grants::ALL);
    }

    #[test]
    fn rules_that_cannot_stand_are_named() {
        let deep = "/d".repeat(RULE_DEPTH_MAX + 1);
        for bad in ["", "a", "/a/", "/a/../b", &deep] {
            let error = RuleTree::new(vec![rule(bad, Grants::ALL)]).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        for twice in ["/", "/a"] {
            let rules = vec![rule(twice, Grants::ALL), rule(twice, Grants::LIST)];
            assert!(RuleTree::new(rules).unwrap_err().to_string().contains("two rules"));
        }
        let many = (0..=RULES_MAX).map(|n| rule(&format!("/{n}"), Grants::ALL)).collect();
        assert!(RuleTree::new(many).is_err());
    }

    #[test]
    fn patterns_catch_components_by_the_rule_of_their_folder() {
        let hide = NamePatterns::new(&[], &["d*"], &["h*"]).unwrap();
        let tree = RuleTree::new(vec![
            Rule { path: b"/a".into(), grants: Grants::ALL, names: hide },
            rule("/a/open", Grants::ALL),
        ])
        .unwrap();
        let cases = [
            ("/h", None, None),
            ("/a/h", Some(Caught::Last), None),
            ("/a/x/h/y", Some(Caught::Above), None),
            ("/a/h/h", Some(Caught::Above), None),
            ("/a/d/h", Some(Caught::Last), Some(Caught::Above)),
            ("/a/open/h", None, None),
        ];
        for (path, hidden, denied) in cases {
            let at = tree.standing(path.as_bytes());
            assert_eq!((at.hidden, at.denied), (hidden, denied), "{path}");
        }
    }
}

//! Lines and columns of the keys of a TOML file, which figment does not keep.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// Where every key of a file stands. Paths are written as figment writes them: `access.rules.0.group`.
#[derive(Debug, Default)]
pub(super) struct Positions {
    keys: BTreeMap<String, (usize, usize)>,
}

impl Positions {
    /// Reads a file.
    ///
    /// # Errors
    /// The first error of syntax, with line and column.
    pub(super) fn read(text: &str) -> Result<Self, (String, (usize, usize))> {
        let lines = Lines::new(text);
        let node: Node = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (error.message().to_owned(), lines.place(at))
        })?;
        let mut positions = Self::default();
        positions.collect(&lines, "", &node);
        Ok(positions)
    }

    /// Line and column of a key, else of the nearest table above that has a line.
    pub(super) fn of(&self, path: &str) -> Option<(usize, usize)> {
        let mut path = path;
        loop {
            if let Some(at) = self.keys.get(path) {
                return Some(*at);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    fn collect(&mut self, lines: &Lines<'_>, path: &str, node: &Node) {
        match node {
            Node::Leaf => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}.{index}");
                    // An entry has no key of its own; its first key says where it is.
                    if let Node::Table(keys) = item
                        && let Some(first) = keys.iter().map(|(key, _)| key.span().start).min()
                    {
                        self.keys.insert(path.clone(), lines.place(first));
                    }
                    self.collect(lines, &path, item);
                }
            }
            Node::Table(keys) => {
                for (key, value) in keys {
                    let name = key.get_ref();
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.keys.insert(path.clone(), lines.place(key.span().start));
                    self.collect(lines, &path, value);
                }
            }
        }
    }
}

/// Where lines begin. Counting them anew for each key would take the square of a long file.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// Line and column of a byte, counted from 1; columns in characters.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// A file without its values. Only keys carry spans: a table that is named only by its children has none.
enum Node {
    Table(Vec<(Spanned<String>, Node)>),
    List(Vec<Node>),
    Leaf,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            // A date is a map to serde, with a key that has no span; it is a leaf to us.
            let value = map.next_value().unwrap_or(Node::Leaf);
            keys.push((key, value));
        }
        Ok(Node::Table(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_they_stand() {
        let text =
            "name = \"x\"\nday = 2027-01-01\n[a.b]\n  c = 1\n[[r]]\ng = 1\n[[r]]\n# é\n  \"k\" = [1, 2]\n";
        let positions = Positions::read(text).expect("TOML");
        for (path, at) in [
            ("name", (1, 1)),
            ("day", (2, 1)),
            ("a.b.c", (4, 3)),
            ("a.b.missing", (3, 4)),
            ("r.0.g", (6, 1)),
            ("r.1", (9, 3)),
            ("r.1.k.0", (9, 3)),
        ] {
            assert_eq!(positions.of(path), Some(at), "{path}");
        }
        assert_eq!(positions.of("missing"), None);
    }

    #[test]
    fn bad_syntax_has_line_and_column() {
        let (message, at) = Positions::read("a = 1\nb = \n").expect_err("no TOML");
        assert_eq!(at, (2, 5), "{message}");
    }
}
